/** RFC 6749 §5.1, RFC 8693 §2.2.1. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly issued_token_type?: string;
  /** `N_A`: an ID-JAG, which is no access token. */
  readonly token_type: 'Bearer' | 'N_A';
  readonly expires_in: number;
  readonly scope: string;
}
