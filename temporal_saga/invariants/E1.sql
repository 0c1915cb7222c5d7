-- E1: one applied effect per idempotency key; no effect without its fence row, no applied command
-- without its effect.

SELECT 'a key stands more than once in the fence' AS problem, key, COUNT(*) AS times
FROM fence
GROUP BY key
HAVING COUNT(*) > 1;

SELECT 'a command was compensated, and no compensation was applied' AS problem,
    forward.key, forward.outcome
FROM fence AS forward
LEFT JOIN fence AS compensation ON compensation.key = forward.key || '/compensation'
WHERE forward.outcome IN ('COMPENSATED', 'TOMBSTONE')
    AND (compensation.outcome IS NULL OR compensation.outcome <> 'APPLIED');
