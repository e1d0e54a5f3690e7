import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createProgram } from '../../src/cli/index.ts';
import { newParty } from '../support/party.ts';
import { openIssuerSite } from '../trust/issuer-site.ts';
import { leavesOf, nameOf, words } from './commands.ts';
import { Capture, ioOf, type Outcome, operatorCli } from './run.ts';
import { openStory, type Story } from './story.ts';

/** Commands that call no management API, or a broker of their own; each has tests of its own. */
const others = ['serve', 'init', 'doctor', 'demo', 'backup', 'restore', 'migrate', 'help'];

let story: Story;
let called: string[];
let used: Set<string>;
const names = leavesOf(createProgram(ioOf(new Capture(), new Capture()))).map((command) => nameOf(command));

beforeAll(async () => {
  story = await openStory();
  called = [];
  used = new Set();
  const realFetch = globalThis.fetch;
  vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
    called.push(`${init?.method ?? 'GET'} ${new URL(new Request(input).url).pathname}`);
    return realFetch(input, init);
  });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => story.close());

async function run(line: string): Promise<Outcome> {
  const name = names.findLast((candidate) => `${line} `.startsWith(`${candidate} `));
  if (name === undefined) throw new Error(`there is no such command: ${line}`);
  used.add(name);
  const outcome = await operatorCli(story.broker)(words(line));
  expect(outcome.out + outcome.err).not.toContain(story.broker.token);
  return outcome;
}

/** What it prints for people; it must succeed. */
async function text(line: string): Promise<string> {
  const outcome = await run(line);
  expect(outcome.code, `${line}\n${outcome.err}`).toBe(0);
  return outcome.out;
}

/** The id in what it prints for programs: of the answer, or of the first item in it. */
async function idOf(line: string): Promise<string> {
  const answer = JSON.parse(await text(`${line} --json`)) as { id?: string; items?: { id: string }[] };
  return answer.id ?? answer.items?.[0]?.id ?? '';
}

it('does everything that the management API can: each command calls it, each call has a command', async () => {
  const { acme, cardUrl, file, keyFile, market, month, reported } = story;
  const jwks = await file('jwks.json', (await newParty()).jwks);

  // Providers, their issuers and agents.
  await text('providers create --id railways --name Railways --domains railways.example');
  expect(await text('providers list --limit 200')).toMatch(/^railways +Railways +active/m);
  await text('providers suspend railways --reason test');
  expect(await text('providers show railways')).toMatch(/^statusReason +test$/m);
  await text('providers reinstate railways --reason over');
  await text('contracts create skyways --commission-bps 1500 --currency EUR --from 2020-01');
  expect(await text('contracts list skyways')).toMatch(/EUR +1500 +2020-01$/m);
  for (const party of ['provider:railways', 'tenant:acme']) {
    const issuer = `https://staff.${party.replace(':', '-')}.example`;
    const id = await idOf(`issuers add ${party} --issuer ${issuer} --jwks-file ${jwks}`);
    await text(`issuers disable ${party} ${id}`);
    expect(await text(`issuers list ${party}`)).toMatch(new RegExp(`${issuer} +disabled`));
    await text(`issuers enable ${party} ${id}`);
  }
  await text(`agents register railways --id trains --card-url ${cardUrl} --scopes trains:book`);
  await text('agents refresh railways/trains');
  await text('agents publish railways/trains');
  expect(await text('agents search answers calls --provider railways --streaming')).toContain(
    'railways/trains',
  );
  expect(await text('agents show railways/trains')).toMatch(/^scopes +a2a:invoke, a2a:read, trains:book$/m);
  expect(JSON.parse(await text('agents card railways/trains'))).toHaveProperty('signatures');
  expect(JSON.parse(await text('agents card railways/trains --original'))).not.toHaveProperty('signatures');
  expect(await text('agents versions railways/trains')).toMatch(/true +1\.0\.0 +Test agent/);
  await text(
    'agents deploy railways/trains --id eu --model pooled --region eu-west-1 --url http://127.0.0.1:9/eu',
  );
  await text('agents redeploy railways/trains eu --state draining --weight 7 --aws-session-tags');
  expect(await text('agents deployments railways/trains')).toMatch(/^eu +pooled +draining +eu-west-1 +7 /m);
  await text('agents suspend railways/trains --reason test');
  await text('agents retire railways/trains');

  // Prices, tenants and what they may use.
  await text('meters create --key searches --aggregation sum --unit searches');
  expect(await text('meters list')).toMatch(/^searches +searches +sum +provider$/m);
  await text('plans create --key trains-2026 --currency EUR --price calls=0.02 --price searches=1.5');
  expect(await text('plans list')).toMatch(/^trains-2026 +EUR +calls, searches/m);
  expect(await text('plans show trains-2026')).toMatch(/^searches +per_unit +1\.5$/m);
  await text('tenants create --id globex --name Globex --tier standard --region eu-west-1');
  await text('tenants update globex --tier premium --unset region');
  expect(await text('tenants show globex')).toMatch(/^tier +premium$/m);
  expect(await text('tenants show globex')).not.toContain('region');
  await text('tenants suspend globex --reason unpaid');
  expect(await text('tenants list --all')).toMatch(/^globex +Globex +premium +suspended/m);
  await text('tenants reinstate globex --reason paid');
  const subscription = await idOf('subscriptions add globex --agent skyways/flights --plan flights');
  expect(await text('tenants subscriptions globex')).toMatch(/skyways\/flights +flights/);
  await text(`subscriptions cancel globex ${subscription}`);
  const jane = `--issuer ${acme.issuer} --subject jane`;
  await text(`users block acme ${jane} --reason left`);
  expect(await text('users blocked acme')).toMatch(/ jane +.* left$/m);
  expect(await text(`users unblock acme ${jane} --reason back`)).toMatch(/^state +not blocked any more$/m);
  expect(await text('tenants audit acme')).toMatch(/token\.exchange +allowed/);

  // Clients, agreements, tokens.
  await text(
    `clients create --id globex-app --name App --owner tenant:globex --jwks-file ${jwks} --scopes tenancy:read \\
       --grant-types token-exchange,client-credentials --issuer-client-id https://login.globex.example=app`,
  );
  await text('clients rename globex-app "Globex app"');
  await text('clients issuer-ids globex-app --issuer-client-id https://login.globex.example=desk');
  await text('clients disable globex-app');
  expect(await text('clients list --all')).toMatch(/^globex-app +Globex app +tenant:globex +disabled/m);
  await text('clients enable globex-app');
  expect(await text('clients bind globex-app')).toMatch(/^dpopBoundAccessTokens +(?:true|yes)$/m);
  await text('clients unbind globex-app');
  expect(await text('clients show globex-app')).toMatch(/^status +active$/m);
  const agreement = await idOf(
    'agreements create --from provider:railways --to provider:skyways --max-depth 2',
  );
  expect(await text(`agreements show ${agreement}`)).toMatch(/^maxDepth +2$/m);
  await text(`agreements accept ${agreement}`);
  await text(`agreements revoke ${agreement} --reason test`);
  expect(await text('agreements list')).toMatch(/provider:railways +provider:skyways +revoked/);
  const idToken = await file('id-token.txt', `${await acme.idToken()}\n`);
  const asAcme = `--client-id ${acme.clientId} --key ${await keyFile(acme.client)}`;
  await text(`token proof ${asAcme.replace(/^.*--key/, '--dpop')} --url ${story.broker.url}/oauth/token`);
  await text(`token exchange ${asAcme} --agent skyways/flights --subject-token-file ${idToken}`);
  const { items } = JSON.parse(await text('audit list --client acme-app --json')) as {
    items: { txn: string }[];
  };
  const delegation = await idOf(`delegations list ${items[0]?.txn}`);
  expect(await text(`delegations show ${delegation}`)).toMatch(/^state +active$/m);
  expect(await text(`delegations revoke ${delegation} --reason test`)).toMatch(/^state +revoked$/m);
  const now = Math.floor(Date.now() / 1000);
  const facts = { iss: acme.issuer, sub: 'u', aud: story.broker.url, azp: 'app', jti: 'a' };
  const assertion = await file('id-jag.txt', await acme.idp.sign({ ...facts, iat: now, exp: now + 60 }));
  await text(`token redeem ${asAcme} --agent skyways/flights --assertion-file ${assertion}`);
  const asSkyways = `--client-id ${market.providerClientId} --key ${await keyFile(market.providerClient)}`;
  const token = await file('token.txt', await text(`token client-credentials ${asSkyways}`));

  // An issuer that its own company claims and proves.
  const site = await openIssuerSite();
  const admin = await newParty();
  await text(
    `clients create --id globex-admin --name Admin --owner tenant:globex --scopes trust:read,trust:write \
       --jwks-file ${await file('admin.json', admin.jwks)} --grant-types client-credentials`,
  );
  const asAdmin = `--client-id globex-admin --key ${await keyFile(admin)}`;
  const own = `--token-file ${await file('admin.txt', await text(`token client-credentials ${asAdmin}`))}`;
  const claimed = await idOf(
    `issuers add tenant:globex --issuer ${site.issuer} --jwks-uri ${site.jwksUri} ${own}`,
  );
  expect(await text(`issuers show tenant:globex ${claimed} ${own}`)).toMatch(/^status +pending$/m);
  await text(`issuers change tenant:globex ${claimed} --audience urn:broker ${own}`);
  const proof = await text(`issuers sign tenant:globex ${claimed} --key ${await keyFile(site.key)} ${own}`);
  expect(await run(`issuers verify tenant:globex ${claimed} ${own}`)).toMatchObject({ code: 3 });
  const proofFile = await file('challenge.jwt', proof);
  expect(await run(`issuers verify tenant:globex ${claimed} ${own} --proof-file ${proofFile}`)).toMatchObject(
    {
      code: 3,
    },
  );
  site.publish(proof.trim());
  expect(await text(`issuers verify tenant:globex ${claimed} ${own}`)).toMatch(/^status +active$/m);
  await text(`issuers approve tenant:globex ${claimed}`);
  for (const name of ['show', 'change --audience urn:broker', 'verify', 'approve']) {
    const [command = '', ...options] = name.split(' ');
    const id = await idOf('issuers list provider:railways');
    const outcome = await run(`issuers ${command} provider:railways ${id} ${options.join(' ')}`);
    // An active issuer has nothing to prove.
    expect([command, outcome.code]).toEqual([command, command === 'verify' ? 3 : 0]);
  }
  // An issuer that serves many tenants.
  const many = await idOf(
    `issuers add provider:railways --issuer https://platform.example --jwks-file ${jwks} --tenant-claim org`,
  );
  await text(`issuers change provider:railways ${many} --tenant-expression claims.org`);
  const link = await idOf('links add globex --issuer https://platform.example --external-id o-1');
  expect(await text('links list globex')).toMatch(/https:\/\/platform\.example +o-1 +globex +active$/m);
  expect(await text(`issuers links provider:railways ${many}`)).toMatch(/o-1 +globex +active$/m);
  await text(`links remove globex ${link}`);
  const again = await idOf(`issuers link provider:railways ${many} --external-id o-1 --tenant globex`);
  await text(`issuers unlink provider:railways ${many} ${again}`);
  for (const [method, path] of [
    ['links', ''],
    ['link', '--external-id x --tenant globex'],
  ])
    await text(`issuers ${method} tenant:globex ${claimed} ${path}`);
  const own2 = await idOf(`issuers links tenant:globex ${claimed}`);
  await text(`issuers unlink tenant:globex ${claimed} ${own2}`);
  await site.close();
  // Policies.
  const closed = await file(
    'closed.cedar',
    'forbid(principal, action, resource) when { context.depth > 1 };',
  );
  const trial = '--client acme-app --client-owner tenant:acme --agent skyways/flights --tenant acme';
  await text(
    `policies create --id one-hop --owner tenant:acme --text-file ${closed} --description "One hop"`,
  );
  expect(await text('policies list --owner tenant:acme')).toMatch(
    /^one-hop +tenant:acme +forbid +true +One hop$/m,
  );
  expect(await text(`policies check ${trial}`)).toMatch(/^decision +allow\ntenant:acme +not forbidden$/m);
  const shut = await file('shut.cedar', 'forbid(principal, action, resource);');
  expect(await text(`policies check ${trial} --owner tenant:acme --draft-file ${shut}`)).toMatch(
    /^decision +refuse\ntenant:acme +forbidden: draft$/m,
  );
  await text(`policies update one-hop --owner tenant:acme --text-file ${shut} --disabled`);
  expect(await text('policies show one-hop --owner tenant:acme')).toMatch(/^enabled +false$/m);
  await text('policies delete one-hop --owner tenant:acme');
  expect(await text('policies schema')).toContain('entity Tenant;');
  const bad = await run(`policies create --text-file ${jwks}`);
  expect([bad.code, bad.err]).toEqual([3, expect.stringMatching(/text: line 1, column 1: unexpected/)]);

  // Under which ids a provider knows tenants and users.
  await text('providers link-tenant skyways globex --aud-tenant G-1');
  expect(await text('providers tenants skyways')).toMatch(/^globex +G-1 /m);
  expect(await text('providers show-tenant skyways globex')).toMatch(/^audTenant +G-1$/m);
  await text('providers unlink-tenant skyways globex');
  await text(`providers link-user skyways ${story.sub} --aud-sub u-1`);
  expect(await text(`providers show-user skyways ${story.sub}`)).toMatch(/^audSub +u-1$/m);
  await text(`providers unlink-user skyways ${story.sub}`);
  expect(await text('keys rotate-pairwise --reason test')).toMatch(/^2 +20/m);
  expect(await text('keys pairwise')).toMatch(/^1$/m);

  const pair = `${jwks}.new`;
  await text(`keys create --private ${pair}.jwk --public ${pair}.jwks.json`);
  await text('keys rotate --purposes agent-card --reason test');
  expect(await text('keys reencrypt --reason test')).toMatch(/^records +0$/m);
  expect(await text('keys list')).toMatch(/agent-card +upcoming/);

  // Usage and money.
  const good = reported('e1', { searches: '3' });
  const events = await file('events.json', [good, reported('e2', { unheard_of: '1' })]);
  const report = await run(`usage report --file ${events} --token-file ${token}`);
  expect(report).toMatchObject({ code: 3 });
  expect(report.out).toMatch(/^e1 +accepted\ne2 +rejected +unknown_meter/m);
  expect(report.err).toContain('1 of 2 events were rejected');
  expect(await text(`usage report --file ${await file('e1.json', good)} --token-file ${token}`)).toMatch(
    /^e1 +duplicate$/m,
  );
  expect(await text('usage show --tenant acme --window month --group-by agent,meter')).toMatch(
    /searches +3 +1$/m,
  );
  expect(await text('tenants usage acme --meter calls')).toMatch(/skyways\/flights +calls +1 +1$/m);
  await text('usage quarantine skyways');
  expect(await text('billing draft acme')).toMatch(/skyways\/flights .* 0\.02 +EUR$/m);
  expect(await text('billing periods')).toContain(month);
  expect(await text(`billing close ${month} --early`)).toMatch(/^state +closed$/m);
  expect(await text(`billing close ${month} --state`)).toMatch(/^state +closed$/m);
  expect(await text(`billing period ${month}`)).toMatch(/^state +closed$/m);
  expect(await text(`billing journal ${month}`)).toMatch(/EUR/);
  expect(await text(`billing invoices --tenant acme --period ${month}`)).toMatch(/acme +.* +0\.02 +EUR$/m);
  expect(await text('tenants invoices acme')).toMatch(/acme +.* +0\.02 +EUR$/m);
  expect(await text(`billing settlements --provider skyways --period ${month}`)).toMatch(/skyways/);
  expect(await text(`billing invoice ${await idOf('billing invoices')}`)).toMatch(/^tenant +acme$/m);
  expect(await text(`billing settlement ${await idOf('billing settlements')}`)).toMatch(
    /^provider +skyways$/m,
  );

  // Looking in.
  expect((await text('audit export')).split('\n').length).toBeGreaterThan(20);
  expect(await text('audit verify')).toMatch(/entries in 1 log.*: all as they were written\nhead log_/);
  expect(await text('audit list --provider railways')).toMatch(/provider\.suspend/);
  expect(await text('events outbox')).toMatch(/^bus +in-process$/m);
  await text('events dead-letters list');
  for (const decision of ['replay evt_none', 'discard evt_none --reason test'])
    expect(await run(`events dead-letters ${decision}`)).toMatchObject({ code: 3 });
  const { paths } = JSON.parse(await text('openapi')) as { paths: Record<string, Record<string, unknown>> };

  expect(names.filter((name) => !used.has(name) && !others.includes(name))).toEqual([]);
  const operations = operationsOf(paths);
  expect(operations.length).toBeGreaterThan(40);
  const uncalled = operations.filter(({ pattern }) => !called.some((call) => pattern.test(call)));
  expect(uncalled.map(({ operation }) => operation)).toEqual([]);
}, 60_000);

/** `GET /v1/tenants/{tenant}` and what such a call looks like. */
function operationsOf(paths: Record<string, Record<string, unknown>>) {
  return Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({
        operation: `${method.toUpperCase()} ${path}`,
        pattern: new RegExp(`^${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      })),
    );
}
