/** `npm run routes`: METHOD path -> the file that handles it, of the very app that is served. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRouter } from '../src/api/router.ts';
import { loadConfig } from '../src/config/index.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createBroker } from '../src/main.ts';
import { openMemoryStore } from '../src/storage/memory/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = new Map<string, string>();

// Every route describes itself to a registry from the file that handles it; an app that takes over a router's routes does so again.
type Registry = ReturnType<typeof createRouter>['openAPIRegistry'];
type Register = (this: Registry, route: Parameters<Registry['registerPath']>[0]) => void;
const registry = Object.getPrototypeOf(createRouter().openAPIRegistry) as Registry;
const registerPath = Reflect.get(registry, 'registerPath') as Register;
registry.registerPath = function (this: Registry, route) {
  const name = `${route.method.toUpperCase().padEnd(7)}${route.path}`;
  if (!files.has(name)) files.set(name, callingFile());
  registerPath.call(this, route);
};

const directory = await mkdtemp(join(tmpdir(), 'broker-routes-'));
const broker = await createBroker(loadConfig({ BROKER_DATA_DIR: directory, LOG_LEVEL: 'silent' }), {
  store: openMemoryStore({ clock: systemClock }),
});
await broker.close();
await rm(directory, { recursive: true });

const byPath = (name: string) => name.slice(7);
const names = [...files.keys()].toSorted((a, b) => (byPath(a) < byPath(b) ? -1 : 1));
process.stdout.write(names.map((name) => `${name} -> ${files.get(name)}\n`).join(''));

function callingFile(): string {
  const places = (new Error().stack ?? '').match(/(?:file:\/\/)?\/[^\s()]+\.ts/g) ?? [];
  const paths = places.map((place) => (place.startsWith('file:') ? fileURLToPath(place) : place));
  const own = paths.map((path) => relative(root, path).replaceAll('\\', '/'));
  return own.find((path) => path.startsWith('src/')) ?? 'unknown';
}
