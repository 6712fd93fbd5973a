import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';

/** Only its own files and its own API, nothing inline: what a page that shows foreign names (topics) needs. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const files = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/app.js', file: 'app.js', type: 'text/javascript; charset=utf-8' },
  { path: '/style.css', file: 'style.css', type: 'text/css; charset=utf-8' },
] as const;

/** Serves the dashboard from memory: three files, read once. */
export async function addDashboard(app: FastifyInstance): Promise<void> {
  for (const { path, file, type } of files) {
    const content = await readFile(new URL(`dashboard/${file}`, import.meta.url));
    app.get(path, { schema: { hide: true } }, (_request, reply) =>
      reply.header('content-security-policy', contentSecurityPolicy).type(type).send(content),
    );
  }
}
