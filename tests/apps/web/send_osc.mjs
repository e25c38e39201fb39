// Sends OSC to the port that is given, and prints what comes back for half a second after that, as JSON.
import { Bundle, Client, Server } from "node-osc";

const messages = [];
const server = new Server(0, "127.0.0.1", () => {
  const client = new Client("127.0.0.1", Number(process.argv[2]));
  const keep = (elements) => {
    for (const element of elements) element.elements ? keep(element.elements) : messages.push(element);
  };
  server.on("bundle", (bundle) => keep(bundle.elements));
  server.on("message", (message) => keep([message]));
  client.send(["/limelight/subscribe", server.port], () => {
    client.send(new Bundle(["/limelight/light/2/azimuth", 45.5], ["/limelight/light/2/kind", "spot"], ["/go"]), () => {
      setTimeout(() => {
        console.log(JSON.stringify(messages));
        client.close();
        server.close();
      }, 1000);
    });
  });
});
setTimeout(() => process.exit(1), 20000).unref();
