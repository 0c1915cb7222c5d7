# One image for every part of ours: the command says which part a container is.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home saga
WORKDIR /app

# Before our code, so that a change to it does not install everything anew.
COPY requirements.lock ./
RUN pip install --compile --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.lock

COPY activities/ activities/
COPY application/ application/
COPY config/ config/
COPY console/ console/
COPY contracts/ contracts/
COPY data/ data/
COPY docs/ docs/
COPY operations/ operations/
COPY participants/ participants/
COPY routes/ routes/
COPY temporal_saga/ temporal_saga/
COPY workflows/ workflows/
COPY api.py batch_worker.py cards.py logs.py process.py orchestrator.py worker.py llms.txt ./

# Readable for the user below, whatever the checkout's modes are.
RUN chmod -R a+rX . && python -m compileall -q .

USER saga
