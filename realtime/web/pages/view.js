// The page of `limelight view`.

import { Connection } from "./connection.js";
import { buildControls, readSettings } from "./controls.js";
import { Stage } from "./stage.js";

const STALL = 1000; // ms without a new picture after which the visitor is told

const banner = document.getElementById("banner");
const state = { connection: "connecting", faces: null, moved: 0, problem: "" };

function say(changes) {
    Object.assign(state, changes);
    let line = "";
    if (state.problem) line = `Cannot be shown: ${state.problem}.`;
    else if (state.connection === "lost") line = "Connection lost. Trying again…";
    else if (state.connection === "connecting" || state.faces === null) line = "Waiting for the first picture…";
    else if (state.connection === "silent" || performance.now() - state.moved > STALL) line = "Nothing new comes from the source.";
    else if (state.faces === 0) line = "Looking for a face…";
    if (banner.textContent !== line) banner.textContent = line;
    banner.hidden = line === "";
    document.documentElement.dataset.state = state.connection;
}

async function main() {
    const setup = await (await fetch(`./setup${location.search}`)).json();
    const settings = readSettings(location.search, setup);
    const [red, green, blue] = setup.background.map((part) => Math.round(255 * part));
    document.body.style.background = settings.transparent ? "transparent" : `rgb(${red} ${green} ${blue})`;
    const canvas = document.getElementById("picture");
    const stage = new Stage(canvas, setup, settings);
    const show = () => {
        canvas.style.transform = settings.mirror ? "scaleX(-1)" : "";
        stage.redraw();
    };
    const panel = document.getElementById("panel");
    panel.hidden = !settings.controls;
    panel.open = innerWidth >= 900;
    if (settings.controls)
        buildControls(document.getElementById("controls"), setup, settings, show, () => stage.resetView());
    banner.classList.toggle("quiet", settings.transparent && !settings.controls); // OBS films no words
    show();
    new Connection(({ model, frame }) => {
        if (model) {
            stage.setModel(model);
            return;
        }
        stage.show(frame);
        say({ faces: frame.faces.length, moved: frame.stalled ? state.moved : performance.now() });
    }, (connection) => say({ connection }));
    window.limelight = { stage, settings };
}

main().catch((error) => say({ problem: error.message }));
