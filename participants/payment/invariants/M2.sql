-- M2: no refund without a charge, none larger than it; at most one payment per order; no wallet
-- below zero.

SELECT 'a refund gives back more than was charged' AS problem,
    refund.transaction_id, refund.currency,
    -refund.amount_minor AS refunded_minor, COALESCE(charge.amount_minor, 0) AS charged_minor
FROM ledger AS refund
LEFT JOIN ledger AS charge
    ON charge.transaction_id = REPLACE(refund.transaction_id, '/compensation', '')
    AND charge.account = 'shop'
WHERE refund.account = 'shop'
    AND refund.transaction_id LIKE '%/compensation'
    AND (charge.amount_minor IS NULL OR -refund.amount_minor > charge.amount_minor);

SELECT 'an order has more than one payment' AS problem, order_id, COUNT(*) AS payments
FROM payments
GROUP BY order_id
HAVING COUNT(*) > 1;

SELECT 'a wallet is below zero' AS problem, customer_id, currency, balance_minor
FROM wallets
WHERE balance_minor < 0;
