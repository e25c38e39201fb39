// Keeps a connection to the server: opens it again after a loss, and fetches the face model when results have another one.

import { readFrame, readModel } from "./messages.js";

const SILENCE = 2000; // ms without a message after which the visitor is told

export class Connection {
    /**
     * @param heard takes {model} or {frame}, the model first.
     * @param said takes a state: "connecting", "open", "silent" or "lost".
     */
    constructor(heard, said) {
        this._heard = heard;
        this._said = said;
        this._pause = 250;
        this._modelKey = null;
        this._newest = null;
        this._fetching = false;
        this._silence = 0;
        this._connect();
    }

    _connect() {
        const scheme = location.protocol === "https:" ? "wss:" : "ws:";
        const socket = new WebSocket(`${scheme}//${location.host}/${location.search}`);
        socket.binaryType = "arraybuffer";
        socket.onopen = () => {
            this._pause = 250;
            this._tell("open");
        };
        socket.onmessage = ({ data }) => this._take(data);
        socket.onclose = () => {
            this._tell("lost");
            setTimeout(() => this._connect(), this._pause);
            this._pause = Math.min(2 * this._pause, 3000);
        };
    }

    _tell(state) {
        clearTimeout(this._silence);
        if (state === "open")
            this._silence = setTimeout(() => this._said("silent"), SILENCE);
        this._said(state);
    }

    _take(data) {
        this._tell("open");
        let frame;
        try {
            frame = readFrame(data);
        } catch (error) {
            console.warn(error.message);
            return;
        }
        this._newest = frame;
        if (frame.modelKey === this._modelKey)
            this._heard({ frame });
        else
            this._fetchModel();
    }

    async _fetchModel() {
        if (this._fetching) return;
        this._fetching = true;
        try {
            const answer = await fetch(`./model${location.search}`);
            const model = readModel(await answer.arrayBuffer());
            this._heard({ model });
            this._modelKey = model.key;
            if (this._newest.modelKey === model.key) // which may be the last for a long time
                this._heard({ frame: this._newest });
        } catch (error) {
            console.warn(error.message); // the next result asks again
        } finally {
            this._fetching = false;
        }
    }
}
