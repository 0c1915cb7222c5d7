-- E2: no forward effect is kept after its compensation claimed the fence.

SELECT 'money is kept of a command that was compensated' AS problem,
    key, outcome, currency, kept_minor
FROM (
    SELECT REPLACE(transaction_id, '/compensation', '') AS command_key, currency,
        SUM(amount_minor) AS kept_minor
    FROM ledger
    WHERE account = 'shop'
    GROUP BY REPLACE(transaction_id, '/compensation', ''), currency
    HAVING SUM(amount_minor) > 0
) AS kept
JOIN fence ON key = command_key
WHERE outcome IN ('COMPENSATED', 'TOMBSTONE');
