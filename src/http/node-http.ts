/**
 * Node's HTTP without an import of it: what an ES module imports of `node:http` has Node read every name it exports, and three of them (WebSocket and
 * its events) load all of undici. That is 13 MiB of resident memory at the start, for what Farshore has no use of.
 */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
