-- Runs once, when the volume is empty: a user and a database for Temporal and for each participant, and no way into another's;
-- and a user who reads what participants keep, and changes nothing: for the API's answers and for the audit.
-- A password that is missing in the environment is a syntax error below, and the container says so instead of starting.

\getenv temporal_password TEMPORAL_DATABASE_PASSWORD
\getenv order_password ORDER_DATABASE_PASSWORD
\getenv payment_password PAYMENT_DATABASE_PASSWORD
\getenv stock_password STOCK_DATABASE_PASSWORD
\getenv reader_password READER_DATABASE_PASSWORD

CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE temporal, temporal_visibility FROM PUBLIC;

CREATE ROLE "order" LOGIN PASSWORD :'order_password';
CREATE DATABASE "order" OWNER "order";
REVOKE CONNECT ON DATABASE "order" FROM PUBLIC;

CREATE ROLE payment LOGIN PASSWORD :'payment_password';
CREATE DATABASE payment OWNER payment;
REVOKE CONNECT ON DATABASE payment FROM PUBLIC;

CREATE ROLE stock LOGIN PASSWORD :'stock_password';
CREATE DATABASE stock OWNER stock;
REVOKE CONNECT ON DATABASE stock FROM PUBLIC;

CREATE ROLE reader LOGIN PASSWORD :'reader_password';
GRANT CONNECT ON DATABASE "order", payment, stock TO reader;
-- Of the tables that each service makes when it first starts.
\connect order
ALTER DEFAULT PRIVILEGES FOR ROLE "order" GRANT SELECT ON TABLES TO reader;
\connect payment
ALTER DEFAULT PRIVILEGES FOR ROLE payment GRANT SELECT ON TABLES TO reader;
\connect stock
ALTER DEFAULT PRIVILEGES FOR ROLE stock GRANT SELECT ON TABLES TO reader;
