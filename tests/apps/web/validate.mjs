// Prints what Khronos' validator says of a glTF file, as JSON.
import fs from "fs";
import { validateBytes } from "gltf-validator";

const report = await validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])), { maxIssues: 0 });
console.log(JSON.stringify(report));
