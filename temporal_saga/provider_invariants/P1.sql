-- P1: no call to a provider begins or leaves an effect after its compensation, and each intent that
-- was compensated has an outcome.

SELECT 'a call ended after its compensation, and what it did is not taken back' AS problem,
    intent.key, intent.reference, intent.late_at
FROM intents AS intent
JOIN fence AS compensation ON compensation.key = intent.key || '/compensation'
WHERE intent.late_at IS NOT NULL AND compensation.outcome = 'APPLIED';

SELECT 'a compensation did not shut out the calls of its command' AS problem, intent.key
FROM intents AS intent
JOIN fence AS compensation ON compensation.key = intent.key || '/compensation'
WHERE intent.shut_at IS NULL AND compensation.outcome = 'APPLIED';

SELECT 'an intent was compensated, and has no outcome' AS problem, intent.key, intent.reference
FROM intents AS intent
JOIN fence AS compensation ON compensation.key = intent.key || '/compensation'
LEFT JOIN fence AS outcome ON outcome.key = intent.key
WHERE compensation.outcome = 'APPLIED' AND outcome.key IS NULL;
