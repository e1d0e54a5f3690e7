// The direction in which imports may go. Lower knows nothing of higher:
// kernel <- config, storage, events, outbound, telemetry <- api, audit <- operations, tenancy, registry <- policy <- trust <- billing <- broker <- http, cli <- main

const rooms = 'audit|operations|tenancy|registry|policy|trust|billing|broker';

/** @param {string} room @param {string} above */
const below = (room, above, comment) => ({
  name: `${room}-knows-nothing-above`,
  comment,
  severity: 'error',
  from: { path: `^src/(${room})/` },
  to: { path: `^src/(${above})/|^src/(main|bin)\\.ts$` },
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle means two files are one file that pretends to be two.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'kernel-stands-alone',
      comment: 'The kernel is what everything else may use, so it uses nothing of ours.',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { path: '^src/(?!kernel/)' },
    },
    below(
      'config|storage|events|outbound|telemetry',
      `api|${rooms}|http|cli|kit`,
      'Engines and ports know nothing of rooms.',
    ),
    below('api', `${rooms}|http|cli|kit`, 'What all routes share may not depend on one of them.'),
    below(
      'audit',
      'operations|tenancy|registry|policy|trust|billing|broker|http|cli|kit',
      'Every room writes audit entries, so audit reads none of them.',
    ),
    below(
      'operations',
      'tenancy|registry|policy|trust|billing|broker|http|cli|kit',
      'The operator looks at the broker itself, not at the business that it does.',
    ),
    below(
      'tenancy',
      'operations|registry|policy|trust|billing|broker|http|cli|kit',
      'Tenants exist without agents; facts of agents are handed in by main.',
    ),
    below(
      'registry',
      'operations|tenancy|policy|trust|billing|broker|http|cli|kit',
      'Agents exist without tenants; signing is handed in by main.',
    ),
    below(
      'policy',
      'operations|trust|billing|broker|http|cli|kit',
      'Policies judge facts that they are handed; who may call whom without them is for trust to say.',
    ),
    below(
      'trust',
      'operations|billing|broker|http|cli|kit',
      'Trust decides without knowing prices or how calls are relayed.',
    ),
    below(
      'billing',
      'operations|broker|http|cli|kit',
      'Billing counts what it is told; it does not look at calls.',
    ),
    below('broker', 'operations|http|cli|kit', 'The gateway is served by http, not the other way round.'),
    below('http', 'cli|kit', 'The surface is started by main; it knows no command.'),
    {
      name: 'rooms-through-the-front-door',
      comment:
        'Outside a room only its index.ts (and, for main, its routes) may be imported, so that its inside can change.',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '^src/main\\.ts$' },
      to: { path: `^src/(${rooms})/`, pathNot: ['^src/$1/', '/index\\.ts$'] },
    },
    {
      name: 'no-engine-in-rooms',
      comment: 'Rooms get a Store and Events; which engine and which bus it is must not matter to them.',
      severity: 'error',
      from: { path: `^src/(${rooms}|api|http)/` },
      to: { path: '^src/storage/(lmdb|dynamodb|memory)/|^src/events/(in-process|eventbridge)/' },
    },
    {
      name: 'hono-stays-at-the-surface',
      comment: 'Use cases must run without HTTP. Wire schemas are described with its zod.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '^src/(api|http|console)/',
          '/routes\\.ts$',
          '/[a-z-]+-routes\\.ts$',
          '/schema\\.ts$',
          '/z-[a-z-]+\\.ts$',
          '^src/main\\.ts$',
        ],
      },
      to: { path: 'node_modules/(hono|@hono)/' },
    },
    {
      name: 'kit-stands-alone',
      comment: 'Providers and consumers install the kit; it must not bring the server.',
      severity: 'error',
      from: { path: '^src/kit/' },
      to: { path: '^src/(?!kit/)' },
    },
    {
      name: 'only-outbound-goes-out',
      comment: 'Requests to addresses that others gave us pass the address check in outbound/.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/outbound/', '^src/broker/'] },
      to: { path: 'node_modules/undici/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'An installed package has no devDependencies.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: {
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.d.ts'],
    },
  },
};
