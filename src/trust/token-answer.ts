/** RFC 6749 §5.1, RFC 8693 §2.2.1, RFC 9449 §5. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly issued_token_type?: string;
  /** `DPoP`: bound to a key. `N_A`: an ID-JAG, which is no access token, and says by `cnf` whether it is bound. */
  readonly token_type: 'Bearer' | 'DPoP' | 'N_A';
  readonly expires_in: number;
  readonly scope: string;
}
