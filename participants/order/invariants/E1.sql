-- E1: one applied effect per idempotency key; no effect without its fence row, no applied command
-- without its effect.

SELECT 'an order stands as no command left it' AS problem, order_id, status, outcome
FROM orders
LEFT JOIN fence ON key = 'order-' || order_id || CASE status
    WHEN 'PENDING' THEN '/RegisterOrder'
    WHEN 'CONFIRMED' THEN '/ConfirmOrder'
    WHEN 'CANCELLED' THEN '/RegisterOrder/compensation'
END
WHERE outcome IS NULL OR outcome = 'REFUSED';

SELECT 'a command was applied, and no order tells of it' AS problem, key
FROM (
    SELECT key FROM fence WHERE outcome IN ('APPLIED', 'COMPENSATED')
        AND (key LIKE '%/RegisterOrder' OR key LIKE '%/RegisterOrder/compensation'
            OR key LIKE '%/ConfirmOrder')
    EXCEPT
    SELECT 'order-' || order_id || '/RegisterOrder' FROM orders
    EXCEPT
    SELECT 'order-' || order_id || '/RegisterOrder/compensation' FROM orders
    EXCEPT
    -- A confirmed order may have been cancelled since, by a saga that was reset.
    SELECT 'order-' || order_id || '/ConfirmOrder' FROM orders
    WHERE status IN ('CONFIRMED', 'CANCELLED')
) AS lost;
