// A real identity provider, with what a test needs to change while it runs.
//
// Prints its issuer once it listens. Besides the provider's own routes:
//   POST /test/rotate          sign with a new key from now on; ?forget=1 takes the old ones back
//   POST /test/delay?ms=5000   answer so late for the keys
import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const AUDIENCE = "https://chat.example.com";

let made = 0;
function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  made += 1;
  return { ...privateKey.export({ format: "jwk" }), kid: `k${made}`, alg: "RS256", use: "sig" };
}

let keys = [newKey()];
let delay = 0;
let issuer;
let handle;

function makeProvider() {
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: "page",
        token_endpoint_auth_method: "none",
        redirect_uris: ["http://127.0.0.1/callback"],
        application_type: "native",
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      },
    ],
    cookies: { keys: ["for tests only"] },
    scopes: ["openid", "offline_access", "chat"],
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: () => true,
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "chat",
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
          accessTokenTTL: 300,
        }),
      },
    },
  });
  handle = provider.callback();
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === "/test/rotate") {
    keys = url.searchParams.get("forget") ? [newKey()] : [newKey(), ...keys];
    makeProvider();
    response.end();
  } else if (url.pathname === "/test/delay") {
    delay = Number(url.searchParams.get("ms"));
    response.end();
  } else {
    if (url.pathname === "/jwks" && delay) await new Promise((go) => setTimeout(go, delay));
    handle(request, response);
  }
});
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  makeProvider();
  console.log(issuer);
});
