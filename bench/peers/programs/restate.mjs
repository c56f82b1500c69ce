/** A handler of five durable steps behind the HTTP ingress; the idempotency key makes a call that is repeated the same call. */
import { Agent, request } from 'node:http';

export async function work(port, job) {
  const restate = await import('@restatedev/restate-sdk');
  const five = async (ctx, id) => {
    let text = job.firstText;
    for (let index = 1; index <= job.steps; index += 1) {
      const given = text;
      text = await ctx.run(`step${index}`, () => job.step(id, index, given));
    }
    return text;
  };
  await restate.serve({ services: [restate.service({ name: 'race', handlers: { five } })], port: Number(port) });
}

export async function open(ingressPort) {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const target = { host: '127.0.0.1', port: Number(ingressPort), path: '/race/five', method: 'POST', agent };
  return {
    run: (id) =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json', 'idempotency-key': id };
        const call = request({ ...target, headers }, (response) => {
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (piece) => {
            body += piece;
          });
          response.on('error', reject);
          response.on('end', () => {
            if (response.statusCode === 200) resolve(JSON.parse(body));
            else reject(new Error(`${response.statusCode} ${body.slice(0, 500)}`));
          });
        });
        call.on('error', reject);
        call.end(JSON.stringify(id));
      }),
  };
}
