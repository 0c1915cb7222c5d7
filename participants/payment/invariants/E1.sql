-- E1: one applied effect per idempotency key; no effect without its fence row, no applied command
-- without its effect.

SELECT 'a movement of money has not exactly two legs' AS problem, transaction_id, COUNT(*) AS legs
FROM ledger
GROUP BY transaction_id
HAVING COUNT(*) <> 2;

SELECT DISTINCT 'money moved that no command moved' AS problem, transaction_id, outcome
FROM ledger
LEFT JOIN fence ON key = transaction_id
-- No command makes the first deposit: it is written when a missing wallet is added.
WHERE transaction_id NOT LIKE 'deposit/%' AND (outcome IS NULL OR outcome = 'REFUSED');

SELECT 'a payment stands that no command made' AS problem, order_id, outcome
FROM payments
LEFT JOIN fence ON key = 'order-' || order_id || '/ProcessPayment'
WHERE outcome IS NULL OR outcome = 'REFUSED';

SELECT 'a command was applied, and there is no payment' AS problem, key
FROM (
    SELECT key FROM fence
    WHERE outcome IN ('APPLIED', 'COMPENSATED') AND key LIKE '%/ProcessPayment'
    EXCEPT
    SELECT 'order-' || order_id || '/ProcessPayment' FROM payments
    EXCEPT
    SELECT 'order-' || order_id || '/ProcessPayment' FROM card_payments
) AS lost;

SELECT 'a command was applied, and no money moved' AS problem, key
FROM (
    SELECT key FROM fence
    WHERE outcome IN ('APPLIED', 'COMPENSATED')
        AND (key LIKE '%/ProcessPayment' OR key LIKE 'paid-in/%')
    UNION ALL
    SELECT key || '/compensation' FROM fence
    WHERE outcome = 'COMPENSATED' AND key LIKE '%/ProcessPayment'
    EXCEPT
    SELECT transaction_id FROM ledger
    EXCEPT
    SELECT key FROM intents -- what is paid by card moves at the provider
) AS lost;
