// The panel: what is shown and in which light. All of it stands in the page's address too, to be given to OBS.

const DEFAULTS = {
    mode: "shaded",
    place: "head",
    mirror: false,
    light: "",
    turn: 0,
    ambient: 1,
    key: 1,
    keySide: null,
    keyHeight: null,
    transparent: false,
    controls: true,
};

/** The settings that an address asks for; what it does not say, or says wrongly, is as by default. */
export function readSettings(search, setup) {
    const query = new URLSearchParams(search);
    const settings = { ...DEFAULTS };
    for (const [name, value] of Object.entries(DEFAULTS)) {
        const text = query.get(name);
        if (text === null) continue;
        if (typeof value === "boolean") settings[name] = !["0", "no", "false"].includes(text);
        else if (typeof value === "string") settings[name] = text;
        else if (text !== "" && Number.isFinite(Number(text))) settings[name] = Number(text);
    }
    if (!(settings.mode in setup.modes)) settings.mode = DEFAULTS.mode;
    if (!(settings.light in setup.environments)) settings.light = DEFAULTS.light;
    if (settings.place !== "frame") settings.place = DEFAULTS.place;
    return settings;
}

function writeSettings(settings) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(settings)) {
        if (value === DEFAULTS[name]) query.delete(name);
        else query.set(name, typeof value === "boolean" ? Number(value) : value);
    }
    const text = query.toString();
    history.replaceState(null, "", location.pathname + (text && `?${text}`));
}

/** Fill the panel, and keep `settings` and the address as it says; `changed` is called after each change. */
export function buildControls(panel, setup, settings, changed, resetView) {
    const updates = [];
    const update = () => updates.forEach((one) => one());
    const set = (name, value) => {
        settings[name] = value;
        writeSettings(settings);
        update();
        changed();
    };

    const title = (name) => name[0].toUpperCase() + name.slice(1);
    const element = (parent, tag, properties = {}) => parent.appendChild(Object.assign(document.createElement(tag), properties));

    const choice = (parent, name, values) => {
        const group = element(parent, "div", { role: "group" });
        group.className = values.length > 3 ? "choice many" : "choice";
        for (const [value, label] of values) {
            const button = element(group, "button", { type: "button", textContent: label });
            button.addEventListener("click", () => set(name, value));
            updates.push(() => button.setAttribute("aria-pressed", settings[name] === value));
        }
    };
    const slider = (parent, name, label, [low, high, step], shown) => {
        const row = element(parent, "label", { className: "slider" });
        element(row, "span", { textContent: label });
        const input = element(row, "input", { type: "range", min: low, max: high, step });
        const value = element(row, "output");
        input.addEventListener("input", () => set(name, Number(input.value)));
        updates.push(() => {
            input.value = settings[name] ?? 0;
            value.textContent = settings[name] === null ? "own" : shown(settings[name]);
        });
    };
    const action = (parent, label, act) => {
        const button = element(parent, "button", { type: "button", textContent: label, className: "action" });
        button.addEventListener("click", act);
    };
    const degrees = (value) => `${value}°`;
    const times = (value) => `× ${value.toFixed(2)}`;

    element(panel, "h2", { textContent: "View" });
    choice(panel, "mode", Object.keys(setup.modes).map((mode) => [mode, mode === "geometry" ? "Clay" : title(mode)]));
    choice(panel, "place", [["head", "Head alone"], ["frame", "In the frame"]]);
    choice(panel, "mirror", [[false, "As seen"], [true, "Mirrored"]]);
    action(panel, "Reset view", resetView);

    const light = element(panel, "section");
    element(light, "h2", { textContent: "Light" });
    const select = element(light, "select", { ariaLabel: "Light" });
    for (const name of ["", ...Object.keys(setup.environments)])
        element(select, "option", { value: name, textContent: name === "" ? "The face's own" : title(name) });
    select.addEventListener("change", () => set("light", select.value));
    updates.push(() => { select.value = settings.light; });
    slider(light, "turn", "Turn", [-180, 180, 1], degrees);
    slider(light, "ambient", "Ambient", [0, 3, 0.05], times);
    slider(light, "key", "Key light", [0, 3, 0.05], times);
    slider(light, "keySide", "Key side", [-180, 180, 1], degrees);
    slider(light, "keyHeight", "Key height", [-90, 90, 1], degrees);
    action(light, "Reset light", () => {
        for (const name of ["turn", "ambient", "key", "keySide", "keyHeight"])
            settings[name] = DEFAULTS[name];
        set("light", DEFAULTS.light);
    });
    updates.push(() => {
        const mode = setup.modes[settings.mode];
        light.hidden = settings.mode === "wireframe" || (mode !== null && mode.light !== null);
    });

    element(panel, "p", {
        textContent: "Drag to turn, scroll or pinch to come closer, right drag or two fingers to move, double click to " +
            "go back. The address keeps what is chosen here; for OBS add transparent=1&controls=0.",
    });
    update();
}
