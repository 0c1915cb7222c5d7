/**
 * What a bearer token says of whom it was issued to. It is only shown: the API alone can verify it.
 */
import { NAME_CLAIMS } from "./provider.js";

/**
 * Return the name of a person in a token.
 *
 * @param {string|null} bearer
 * @returns {string|null}
 */
export function nameIn(bearer) {
  const claims = claimsIn(bearer);
  const names = NAME_CLAIMS.map((claim) => claims?.[claim]);
  return names.find((name) => name && typeof name === "string") ?? null;
}

/**
 * Return what a token says.
 *
 * @param {string|null} bearer
 * @returns {Record<string, any>|null} null of one that cannot be read: a token need not be readable
 */
export function claimsIn(bearer) {
  try {
    const payload = atob((bearer ?? "").split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(payload, (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
