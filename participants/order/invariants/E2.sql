-- E2: no forward effect is kept after its compensation claimed the fence.

SELECT 'an order is not cancelled though its registration was compensated' AS problem,
    order_id, status
FROM orders
JOIN fence ON key = 'order-' || order_id || '/RegisterOrder/compensation'
WHERE status <> 'CANCELLED';
