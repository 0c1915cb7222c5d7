/** The modules that `routes/console.py` makes of tables of the services and of settings. */

declare module "*/actnames.js" {
  export const ACT_NAMES: string[];
}

declare module "*/currencies.js" {
  export const UNUSUAL: Record<string, number>;
  export const MOST_CURRENCIES_HAVE: number;
  export const IN_USE: string[];
}

declare module "*/limits.js" {
  type Limit = {
    pattern?: string;
    description?: string;
    minimum?: number;
    maximum?: number;
    maxItems?: number;
    default?: number|null;
  };
  export const LIMITS: Record<string, Limit>;
  export const MAX_TOTAL_MINOR: number;
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
