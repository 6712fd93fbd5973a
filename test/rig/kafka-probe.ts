import { connect } from 'node:net';

// Echoed by a Kafka, and by no other server that may have got the port.
const correlationId = 0x46415253;
// Metadata version 4 for no topic: size, api key 3, version 4, correlation id, no client id, zero topics, no auto-creation.
const metadataRequest = Buffer.from('0000000f0003000446415253ffff0000000000', 'hex');

/**
 * One exchange with a broker: true when it answers a metadata request and lists at least one broker. A KRaft broker answers requests
 * only once its controller has let it in, so an answer means that it serves.
 */
export async function brokerAnswers(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return await new Promise((resolve) => {
    let answer = Buffer.alloc(0);
    const socket = connect({ host, port });
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.on('connect', () => socket.write(metadataRequest));
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      // size, correlation id, throttle time, then the number of brokers
      if (answer.length >= 16) finish(answer.readInt32BE(4) === correlationId && answer.readInt32BE(12) > 0);
    });
  });
}
