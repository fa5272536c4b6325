// A certified OpenID Connect provider for the tests: `node provider.mjs '{"port": …, "redirect": …, "secret": …}'`.
// Any name signs in with any password; whoever's name begins with "rev" has the role Mezzetin.Reviewer. Its signing key
// is made anew at each start. "inToken" puts all claims into the token, as Entra does, in place of userinfo.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2]);
const key = generateKeyPairSync(options.kind === "EC" ? "ec" : "rsa", { modulusLength: 2048, namedCurve: "P-256" });
const jwk = { ...key.privateKey.export({ format: "jwk" }), use: "sig", kid: randomUUID() };
const claimsOf = (name) => ({
  sub: `subject-${name}`,
  preferred_username: name,
  email: `${name}@museum.example`,
  roles: name.startsWith("rev") ? ["Mezzetin.Reviewer", "Something.Else"] : [],
});

const provider = new Provider(`http://127.0.0.1:${options.port}`, {
  clients: [{
    client_id: "mezzetin",
    client_secret: options.secret,
    redirect_uris: [options.redirect],
    id_token_signed_response_alg: options.kind === "EC" ? "ES256" : "RS256",
  }],
  jwks: { keys: [jwk] },
  cookies: { keys: [randomUUID()] },
  claims: { openid: ["sub", "roles"], profile: ["preferred_username"], email: ["email"] },
  conformIdTokenClaims: !options.inToken,
  findAccount: (context, name) => ({ accountId: name, claims: () => claimsOf(name) }),
  // Nobody is asked for consent.
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
});
provider.listen(options.port, "127.0.0.1", () => console.log("listening"));
