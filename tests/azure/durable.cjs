// Loaded into Azurite before its own code (node --require). Two things that a test needs and Azurite lacks:
//
// 1. What was acknowledged survives a kill. Azurite keeps its tables in memory and writes them every five seconds, so
//    a kill loses the blobs of the last seconds, which Azure never does. Here SIGUSR2 writes the tables, in one step
//    that no request can interrupt, and then dies by SIGKILL: requests under way break off, finished ones hold.
// 2. It never outlives the tests. Its standard input is a pipe from the process that started it, and the system
//    closes that pipe however that process ends.

const fs = require("node:fs");
const path = require("node:path");

const azurite = path.dirname(process.argv[1]);
const Loki = require(require.resolve("lokijs", { paths: [azurite] }));
const tables = [];

// No timer: a write of its own that is under way could replace a newer file.
Loki.prototype.autosaveEnable = function () {
  this.autosave = true;
  tables.push(this);
};

function die() {
  process.kill(process.pid, "SIGKILL");
}

process.on("SIGUSR2", () => {
  for (const table of tables) {
    fs.writeFileSync(`${table.filename}.new`, table.serialize());
    fs.renameSync(`${table.filename}.new`, table.filename);
  }
  die();
});

// unref: a pipe that is open must not keep a server alive that was asked to stop.
process.stdin.on("end", die).on("error", die).resume().unref();
