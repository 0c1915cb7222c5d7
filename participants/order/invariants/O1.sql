-- O1: states change only along the declared moves; the record of moves is gapless and ends at the
-- order's state.

WITH legal (source, target) AS (
    VALUES
        ('start', 'PENDING'),
        ('PENDING', 'AWAITING_REVIEW'),
        ('PENDING', 'AWAITING_CUSTOMER'),
        ('PENDING', 'PAYMENT_COMPLETED'),
        ('PENDING', 'ROLLING_BACK'),
        ('AWAITING_REVIEW', 'PENDING'),
        ('AWAITING_REVIEW', 'ROLLING_BACK'),
        ('AWAITING_CUSTOMER', 'PAYMENT_COMPLETED'),
        ('AWAITING_CUSTOMER', 'ROLLING_BACK'),
        ('PAYMENT_COMPLETED', 'COMPLETED'),
        ('PAYMENT_COMPLETED', 'ROLLING_BACK'),
        ('ROLLING_BACK', 'ROLLBACK_STUCK'),
        ('ROLLING_BACK', 'FAILED'),
        ('ROLLBACK_STUCK', 'ROLLING_BACK')
), made (order_id, number, source, target) AS (
    SELECT order_id, number,
        COALESCE(LAG(state) OVER (PARTITION BY order_id ORDER BY number), 'start'), state
    FROM moves
)
SELECT 'a move is not legal' AS problem, order_id, number, made.source, made.target
FROM made
LEFT JOIN legal ON legal.source = made.source AND legal.target = made.target
WHERE legal.target IS NULL;

SELECT 'the moves have a gap' AS problem,
    orders.order_id, COUNT(number) AS moves, MIN(number) AS first, MAX(number) AS last
FROM orders
LEFT JOIN moves ON moves.order_id = orders.order_id
GROUP BY orders.order_id
HAVING COUNT(number) = 0 OR MIN(number) <> 0 OR MAX(number) <> COUNT(number) - 1;

SELECT 'the moves do not end at the state of the order' AS problem,
    orders.order_id, orders.state, moves.state AS last_move
FROM orders
JOIN moves ON moves.order_id = orders.order_id
WHERE moves.state <> orders.state
    AND number = (SELECT MAX(number) FROM moves AS made WHERE made.order_id = orders.order_id);

SELECT 'state, status and closing time of an order do not go together' AS problem,
    order_id, state, status, closed_at
FROM orders
WHERE NOT CASE status
    WHEN 'PENDING' THEN state NOT IN ('COMPLETED', 'FAILED') AND closed_at IS NULL
    WHEN 'CONFIRMED' THEN state = 'COMPLETED' AND closed_at IS NOT NULL
    WHEN 'CANCELLED' THEN state = 'FAILED' AND closed_at IS NOT NULL
    ELSE FALSE
END;
