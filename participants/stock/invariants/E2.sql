-- E2: no forward effect is kept after its compensation claimed the fence.

SELECT 'a compensation did not shut out its command' AS problem, compensation.key, forward.outcome AS command_outcome
FROM fence AS compensation
LEFT JOIN fence AS forward ON forward.key = REPLACE(compensation.key, '/compensation', '')
WHERE compensation.key LIKE '%/compensation' AND (forward.outcome IS NULL OR forward.outcome = 'APPLIED');

SELECT 'stock is kept of a command that was compensated' AS problem, key, outcome, line, sku, kept
FROM (
    SELECT REPLACE(command_key, '/compensation', '') AS forward_key, line, sku, -SUM(change) AS kept
    FROM movements
    GROUP BY REPLACE(command_key, '/compensation', ''), line, sku
    HAVING SUM(change) < 0
) AS taken
JOIN fence ON key = forward_key
WHERE outcome IN ('COMPENSATED', 'TOMBSTONE');
