// Receives OSC: prints the port it listens at, then, once nothing has come for half a second, all messages as JSON.
import { Server } from "node-osc";

const messages = [];
let quiet;
const server = new Server(0, "127.0.0.1", () => console.log(server.port));
const finish = () => {
  console.log(JSON.stringify(messages));
  server.close();
};
const keep = (elements) => {
  for (const element of elements) {
    if (element.elements) keep(element.elements);
    else messages.push(element);
  }
  clearTimeout(quiet);
  quiet = setTimeout(finish, 500);
};
server.on("bundle", (bundle) => keep(bundle.elements));
server.on("message", (message) => keep([message]));
setTimeout(() => process.exit(1), 20000).unref();
