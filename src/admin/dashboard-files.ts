import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

/** Only its own files and its own API, nothing inline: what a page that shows foreign names (topics) needs. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
};

interface DashboardFile {
  readonly path: string;
  readonly content: Buffer;
  readonly type: string;
}

let kept: Promise<ReadonlyMap<string, DashboardFile>> | undefined;

/** The page's own modules, its chart library, and the runbooks, which must be readable while nothing else is: all from memory, read once. */
export async function addDashboard(app: FastifyInstance): Promise<void> {
  kept ??= readAll().then((all) => new Map(all.map((file) => [file.path, file])));
  const files = await kept;
  // One route behind all others; what is no file is not found as everywhere else.
  app.get('/*', { schema: { hide: true } }, (request, reply) => {
    const file = files.get(request.url.split('?', 1)[0] ?? '');
    if (file === undefined) return reply.callNotFound();
    return reply.header('content-security-policy', contentSecurityPolicy).type(file.type).send(file.content);
  });
}

async function readAll(): Promise<readonly DashboardFile[]> {
  const [own, library, runbooks] = await Promise.all([
    read(new URL('dashboard/', import.meta.url), '/'),
    readUplot(),
    read(new URL('../../docs/runbooks/', import.meta.url), '/runbooks/'),
  ]);
  return [...own, ...library, ...runbooks];
}

async function read(folder: URL, at: string): Promise<readonly DashboardFile[]> {
  const root = fileURLToPath(folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const found = entries.flatMap((entry) => {
    const type = types[extname(entry.name)];
    return entry.isFile() && type !== undefined ? [{ file: join(entry.parentPath, entry.name), type }] : [];
  });
  return await Promise.all(
    found.map(async ({ file, type }) => {
      const path = `${at}${relative(root, file).split(sep).join('/')}`;
      return { path: path === '/index.html' ? '/' : path, content: await readFile(file), type };
    }),
  );
}

/** As its package holds it: no step of a build in between. */
async function readUplot(): Promise<readonly DashboardFile[]> {
  const folder = new URL('./', import.meta.resolve('uplot'));
  const file = async (path: string, name: string, type: string | undefined): Promise<DashboardFile> => ({
    path,
    content: await readFile(new URL(name, folder)),
    type: type ?? '',
  });
  return await Promise.all([file('/uplot.js', 'uPlot.esm.js', types['.js']), file('/uplot.css', 'uPlot.min.css', types['.css'])]);
}
