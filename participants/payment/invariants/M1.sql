-- M1: every ledger transaction sums to zero; the ledger agrees with the payments; wallets and shop
-- together hold the deposits.

SELECT 'the legs of a transaction do not sum to zero' AS problem,
    transaction_id, currency, SUM(amount_minor) AS sum_minor
FROM ledger
GROUP BY transaction_id, currency
HAVING SUM(amount_minor) <> 0;

SELECT 'a wallet is not what the ledger makes it' AS problem,
    customer_id, wallets.currency, balance_minor, COALESCE(ledger_minor, 0) AS ledger_minor
FROM wallets
LEFT JOIN (
    SELECT account, currency, SUM(amount_minor) AS ledger_minor
    FROM ledger
    GROUP BY account, currency
) AS accounts
    ON account = 'wallet:' || customer_id AND accounts.currency = wallets.currency
WHERE balance_minor <> COALESCE(ledger_minor, 0);

WITH expected (transaction_id, account, currency, payment_minor) AS (
    SELECT 'order-' || order_id || '/ProcessPayment', 'wallet:' || customer_id, currency,
        -amount_minor
    FROM payments
    UNION ALL
    SELECT 'order-' || order_id || '/ProcessPayment', 'shop', currency, amount_minor
    FROM payments
    UNION ALL
    SELECT 'order-' || order_id || '/ProcessPayment/compensation', 'wallet:' || customer_id,
        currency, refunded_minor
    FROM payments
    UNION ALL
    SELECT 'order-' || order_id || '/ProcessPayment/compensation', 'shop', currency,
        -refunded_minor
    FROM payments
)
SELECT 'a payment and the ledger tell different amounts' AS problem,
    expected.transaction_id, expected.account, expected.currency, payment_minor,
    COALESCE(amount_minor, 0) AS ledger_minor
FROM expected
LEFT JOIN ledger
    ON ledger.transaction_id = expected.transaction_id
    AND ledger.account = expected.account
    AND ledger.currency = expected.currency
WHERE payment_minor <> COALESCE(amount_minor, 0);

SELECT 'wallets and shop do not hold what was deposited' AS problem,
    currency, SUM(amount_minor) AS too_much_minor
FROM (
    SELECT currency, balance_minor AS amount_minor FROM wallets
    UNION ALL
    SELECT currency, amount_minor FROM ledger WHERE account IN ('shop', 'deposits')
) AS held
GROUP BY currency
HAVING SUM(amount_minor) <> 0;
