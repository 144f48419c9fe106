-- Destinations of which nothing is taken but what a permit names. A hold is `<revision of the rule> <ms> <by> <us>`, and on a line of
-- its own why, in words: before the moment nobody asks for permits, and the us are those between two attempts of a rate, else 0. The
-- due timers of one wait in waiting:<tag>, as those of a destination at its share do, but it stands in `behind` instead of `waiting`:
-- any number of holds is in nobody's way.

local HOLDS = ROOT .. 'holds'

local HELD, CHANGED, UNHELD = ROOT .. 'held', ROOT .. 'changed', ROOT .. 'unheld'

local BEHIND = ROOT .. 'behind'

-- Which secrets sign what is sent to a destination: `<revision of the rule> <JSON>`, which Python reads (store/own_secrets.py). Whoever
-- claims learns by HOLDS that one has changed, before he sends what he has claimed.
local SIGNING, SIGNING_CHANGES = ROOT .. 'signing', ROOT .. 'signing_changes'

-- Number of the last change of signing, by the text of HOLDS.
local function signing_number(holds) return tonumber(string.match(holds, '\n(%d+)') or 0) end
