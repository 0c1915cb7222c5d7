/** The modules that `routes/console.py` makes of tables of the services and of settings. */

declare module "*/currencies.js" {
  export const UNUSUAL: Record<string, number>;
  export const MOST_CURRENCIES_HAVE: number;
}

declare module "*/unseen.js" {
  export const REFUSED: RegExp;
}

declare module "*/provider.js" {
  export const PROVIDER: {
    issuer: string;
    clientId: string;
    scope: string;
    audience: string;
    resource: string;
    origins: string[];
  } | null;
  export const NAME_CLAIMS: string[];
}
