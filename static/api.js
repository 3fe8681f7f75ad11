/**
 * Calls to the server's JSON API: the same one that scripts use.
 *
 * call() never throws: a request that reached nobody has status 0. Answers are sent with
 * `keepalive`, so that one sent as the page closes still arrives.
 */

const ROOT = "/api/v1";
/** Whose page this is: somebody else may sign in in this browser while it stands open. */
const OURS = { "X-Annotator": document.body.dataset.person };
const TIMEOUT_MS = 15000;

/**
 * @param options {body, headers, keepalive; asWhoever: also where somebody else has signed in}
 * @returns {Promise<{status: number, body: object}>}
 */
export async function call(
  method,
  path,
  { body, headers = {}, keepalive = false, asWhoever = false } = {},
) {
  const options = {
    method,
    headers: { Accept: "application/json", ...(asWhoever ? {} : OURS), ...headers },
    keepalive,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(ROOT + path, options);
    const text = await response.text();
    return { status: response.status, body: parsed(text) };
  } catch {
    return { status: 0, body: {} };
  }
}

/** Give a lease back while the page closes, with those given after it where `andLater`. */
export function releaseLater(leaseId, andLater) {
  const body = new Blob([JSON.stringify({ and_later: andLater })], { type: "application/json" });
  navigator.sendBeacon(`${ROOT}/leases/${leaseId}/release`, body);
}

/** True where trying the same request again may help: no connection, signed out, server busy. */
export function isWorthRetrying(status) {
  return [0, 401, 403, 408, 425, 429].includes(status) || status >= 500;
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {}; // a proxy's HTML error page: the status says enough
  }
}
