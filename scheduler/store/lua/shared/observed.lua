-- What pollers have seen of destinations, in the partition that a destination's tag gives: words ` name=value`.
--   id            as `https:api.example.com:443`
--   attempts, failures, ms
--                 sums: attempts, those that were not delivered, and ms of all together
--   at            ms of the last report with an attempt
--   error, error_at
--                 the error's word or the status of the last one that was not delivered, and ms of it
--   answered_path, answered_at
--                 the path that was answered below 500 last, as a number (holds/breaker.py), and ms of it

local OBSERVED, BUSIEST = ROOT .. 'observed', ROOT .. 'busiest'
