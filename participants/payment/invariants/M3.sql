-- M3: a card payment has its command, and of one that was taken back nothing is held or kept.

SELECT 'a card payment stands that no command made' AS problem, order_id, reference, outcome
FROM card_payments
LEFT JOIN fence ON key = 'order-' || order_id || '/ProcessPayment'
WHERE outcome IS NULL OR outcome = 'REFUSED';

SELECT 'a card payment was taken back, and some of it is held or kept' AS problem, order_id,
    amount_minor, captured_minor, released_minor, refunded_minor
FROM card_payments
JOIN fence ON key = 'order-' || order_id || '/ProcessPayment'
WHERE outcome IN ('COMPENSATED', 'TOMBSTONE')
    AND (captured_minor + released_minor <> amount_minor OR captured_minor <> refunded_minor);
