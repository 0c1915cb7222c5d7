-- E2: no forward effect is kept after its compensation claimed the fence.

SELECT 'stock is kept of a command that was compensated' AS problem,
    key, outcome, line, sku, kept
FROM (
    SELECT REPLACE(command_key, '/compensation', '') AS forward_key, line, sku, -SUM(change) AS kept
    FROM movements
    GROUP BY REPLACE(command_key, '/compensation', ''), line, sku
    HAVING SUM(change) < 0
) AS taken
JOIN fence ON key = forward_key
WHERE outcome IN ('COMPENSATED', 'TOMBSTONE');
