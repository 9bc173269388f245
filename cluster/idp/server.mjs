// An OpenID provider for development and tests: people in memory, one form, loopback only.
//
//   node server.mjs --port 8790 --redirect http://127.0.0.1:8780/v1/logins/callback --password-file FILE
//       [--key-file FILE] [--client-secret-file FILE] [--lean-id-tokens]
//
// Everybody has the same password, the text of the file. Its key is that of the key file, which is made when missing;
// without one it is new at every start, so that relying parties meet a key they don't know, as they do when a real
// provider rotates. With a secret the client is a confidential one. Lean ID tokens say who, and leave the rest to the
// userinfo endpoint. Prints one line of JSON once it answers.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync, timingSafeEqual, createHash, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import Provider from 'oidc-provider';

const { values: given } = parseArgs({
  options: {
    port: { type: 'string', default: '8790' },
    redirect: { type: 'string', multiple: true, default: [] },
    client: { type: 'string', default: 'funkhaus' },
    'password-file': { type: 'string' },
    'key-file': { type: 'string' },
    'client-secret-file': { type: 'string' },
    'lean-id-tokens': { type: 'boolean', default: false },
  },
});
const HOST = '127.0.0.1';
const PASSWORD = readFileSync(given['password-file'], 'utf8').trim();
const SECRET = given['client-secret-file'] && readFileSync(given['client-secret-file'], 'utf8').trim();
const BODY_LIMIT = 4096;
if (PASSWORD.length < 8) throw new Error('the password file holds less than 8 characters');

const PEOPLE = new Map([
  ['ada@example.com', { name: 'Ada Lovelace', groups: ['funkhaus-admins', 'engineering'] }],
  ['bob@example.com', { name: 'Bob Ross', groups: ['engineering'] }],
  ['cem@example.com', { name: 'Cem Karaca', groups: [] }],
  ['eve@example.com', { name: 'Eve', groups: [], unverified: true }],
]);
// Whoever is wanted beside them: a new stranger for every run of a test.
const STRANGER = /^([a-z][a-z0-9-]{0,39})@strangers\.example\.com$/;
const person = (id) => PEOPLE.get(id) ?? (STRANGER.test(id) ? { sub: id, name: STRANGER.exec(id)[1], groups: [] } : undefined);
const account = (_, id) => {
  const found = person(id);
  return found && {
    accountId: id,
    claims: () => ({
      sub: found.sub ?? id.split('@')[0],
      name: found.name,
      email: id,
      email_verified: !found.unverified,
      groups: found.groups,
    }),
  };
};

function signingKey(file) {
  if (file && existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const made = { ...pair.privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
  if (file) { // whole or not at all: half a key would keep this from ever starting again
    writeFileSync(`${file}.new`, `${JSON.stringify(made)}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return made;
}

const issuer = `http://${HOST}:${given.port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: given.client,
    // Without a secret a public client: PKCE is what protects its codes.
    ...(SECRET
      ? { token_endpoint_auth_method: 'client_secret_basic', client_secret: SECRET }
      : { token_endpoint_auth_method: 'none' }),
    redirect_uris: given.redirect,
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  jwks: { keys: [signingKey(given['key-file'])] },
  cookies: { keys: [randomUUID()] },
  pkce: { methods: ['S256'], required: () => true },
  scopes: ['openid', 'profile', 'email', 'groups'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
  conformIdTokenClaims: given['lean-id-tokens'], // else claims are in the ID token, as most providers send them
  features: { devInteractions: { enabled: false } },
  findAccount: account,
  // Nobody is asked for consent: the only client is ours.
  loadExistingGrant: async ({ oidc }) => {
    const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid profile email groups');
    await grant.save();
    return grant;
  },
  interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
  ttl: { Interaction: 600, Session: 3600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60, Grant: 3600 },
  renderError: (ctx, out) => {
    ctx.type = 'html';
    ctx.body = page(`<p class="no">${text(out.error)}: ${text(out.error_description ?? '')}</p>`);
  },
});

const text = (value) => String(value).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const page = (inner) => `<!doctype html><meta charset="utf-8"><title>Development sign-in</title>
<style>body{font:16px system-ui;max-width:24em;margin:4em auto}input{display:block;width:100%;margin:.3em 0 1em;padding:.5em}.no{color:#a00}</style>
<h1>Development sign-in</h1>${inner}`;
const form = (uid, wrong) => page(`
${wrong ? '<p class="no">No such person, or another password.</p>' : ''}
<form method="post" action="/sign-in/${text(uid)}">
<label>Who<input name="login" list="people" autocomplete="username" required autofocus></label>
<datalist id="people">${[...PEOPLE.keys()].map((id) => `<option>${text(id)}`).join('')}</datalist>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form>`);
const same = (one, other) => timingSafeEqual(
  createHash('sha256').update(one).digest(),
  createHash('sha256').update(other).digest(),
);

async function read(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > BODY_LIMIT) return new URLSearchParams();
  }
  return new URLSearchParams(body);
}

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/sign-in/')) return next();
  const { uid, prompt } = await provider.interactionDetails(ctx.req, ctx.res);
  ctx.type = 'html';
  ctx.set('Cache-Control', 'no-store');
  if (ctx.method !== 'POST') {
    ctx.body = form(uid, false);
    return undefined;
  }
  const fields = await read(ctx.req);
  const id = (fields.get('login') ?? '').trim().toLowerCase();
  if (prompt.name !== 'login' || !person(id) || !same(fields.get('password') ?? '', PASSWORD)) {
    ctx.status = 401;
    ctx.body = form(uid, true);
    return undefined;
  }
  ctx.respond = false;
  await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: id } });
  return undefined;
});

const server = provider.listen(Number(given.port), HOST, () => {
  process.stdout.write(`${JSON.stringify({ issuer, client: given.client, people: [...PEOPLE.keys()] })}\n`);
});
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
