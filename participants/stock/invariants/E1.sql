-- E1: one applied effect per idempotency key; no effect without its fence row, no applied command
-- without its effect.

SELECT 'a line of a command moved more than once' AS problem, command_key, line, COUNT(*) AS times
FROM movements
GROUP BY command_key, line
HAVING COUNT(*) > 1;

SELECT DISTINCT 'stock moved that no command moved' AS problem, command_key, outcome
FROM movements
LEFT JOIN fence ON key = command_key
WHERE outcome IS NULL OR outcome = 'REFUSED';

-- E2 finds a restoring that moved nothing back.
SELECT 'a command was applied, and no stock moved' AS problem, key
FROM (
    SELECT key FROM fence
    WHERE outcome IN ('APPLIED', 'COMPENSATED')
        AND (key LIKE '%/DecreaseStock' OR key LIKE 'movement/%')
    EXCEPT
    SELECT command_key FROM movements
) AS lost;
