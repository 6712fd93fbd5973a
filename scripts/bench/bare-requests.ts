import { once } from 'node:events';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';

/*
 * What requests cost a Node process that does nothing else: the smallest one there is (ApiVersions 0), evenly over time, answers thrown away.
 * What an idle daemon takes is compared with it (P10). Run as a process of its own: `bare-requests.ts --to HOST:PORT --perSecond N`; runs until it is ended.
 */
const { values } = parseArgs({ options: { to: { type: 'string' }, perSecond: { type: 'string' } } });
const [host = '', port = ''] = (values.to ?? '').split(':');
const perSecond = Number(values.perSecond);
if (!(perSecond > 0)) throw new Error('--perSecond must be above 0');

const API_VERSIONS = 18;
/** Size, type, version, correlation id, and no client id. */
const request = Buffer.alloc(14);
request.writeInt32BE(request.length - 4, 0);
request.writeInt16BE(API_VERSIONS, 4);
request.writeInt16BE(-1, 12);

const socket = connect(Number(port), host);
socket.setNoDelay(true);
await once(socket, 'connect');
let correlationId = 0;
let answered = 0;
socket.on('data', (data: Buffer) => {
  answered += data.length;
});
socket.on('close', () => {
  throw new Error(`the broker ended the connection after ${answered} bytes`);
});
setInterval(() => {
  request.writeInt32BE(++correlationId, 8);
  socket.write(Buffer.from(request));
}, 1000 / perSecond);
