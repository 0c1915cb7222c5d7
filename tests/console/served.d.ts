/** The modules that `routes/console.py` makes of tables of the services. */

declare module "*/currencies.js" {
  export const UNUSUAL: Record<string, number>;
  export const MOST_CURRENCIES_HAVE: number;
}

declare module "*/unseen.js" {
  export const REFUSED: RegExp;
}
