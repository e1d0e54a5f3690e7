import { hash } from 'node:crypto';

/** SHA-256 of the text's UTF-8 bytes, as unpadded base64url (43 characters). */
export function sha256(text: string): string {
  return hash('sha256', text, 'base64url');
}

/**
 * Joins parts so that no two different lists give the same text: each part is preceded by its byte length.
 * Needed wherever several identifiers of different owners are hashed together ("ab"+"c" is not "a"+"bc").
 */
export function lengthPrefixed(...parts: readonly string[]): string {
  return parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');
}
