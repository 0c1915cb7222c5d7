-- E2: no forward effect is kept after its compensation claimed the fence.

SELECT 'a compensation did not shut out its command' AS problem,
    compensation.key, forward.outcome AS command_outcome
FROM fence AS compensation
LEFT JOIN fence AS forward ON forward.key = REPLACE(compensation.key, '/compensation', '')
WHERE compensation.key LIKE '%/compensation'
    AND (forward.outcome IS NULL OR forward.outcome = 'APPLIED');
