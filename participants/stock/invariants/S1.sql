-- S1: per SKU, initial and movements make what is available, never below zero; no order line
-- restores more than it took.

SELECT 'what is available is not what the movements make it' AS problem, products.sku, initial,
    COALESCE(moved, 0) AS moved, available
FROM products
LEFT JOIN (SELECT sku, SUM(change) AS moved FROM movements GROUP BY sku) AS log
    ON log.sku = products.sku
WHERE initial + COALESCE(moved, 0) <> available;

SELECT 'less than nothing is available' AS problem, sku, available
FROM products
WHERE available < 0;

SELECT 'something moved that is no product' AS problem, movements.sku, SUM(change) AS moved
FROM movements
LEFT JOIN products ON products.sku = movements.sku
WHERE products.sku IS NULL
GROUP BY movements.sku;

SELECT 'an order line restored more than it took' AS problem,
    order_id, line, sku, SUM(change) AS too_many
FROM movements
WHERE order_id <> ''
GROUP BY order_id, line, sku
HAVING SUM(change) > 0;
