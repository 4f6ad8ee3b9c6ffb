"""The scripts that look for jobs; their keys are told in redis_scripts.py."""

from proxy.store.redis_scripts import script

# → {whether there are more, document, …}
PAGE = script(
    """
local owner, status, command, from, to = unpack(ARGV, 1, 5)
local limit = tonumber(ARGV[6])
local kinds = {unpack(ARGV, 7)}
if #kinds == 0 then kinds = call('HKEYS', P .. 'kinds:' .. owner) end

local function before(a, b)  -- by bytes: `<` would ask for the server's locale
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local places = {}
for _, kind in ipairs(kinds) do
  local name = P .. 'listed:' .. owner .. '/' .. kind .. status
  for _, place in ipairs(call(command, name, from, to, 'LIMIT', 0, limit + 1)) do
    places[#places + 1] = place
  end
end
if #kinds > 1 then
  local up = command == 'ZRANGEBYLEX'
  table.sort(places, function(a, b) if up then return before(a, b) else return before(b, a) end end)
end
local answer = {#places > limit and 1 or 0}
for i = 1, math.min(limit, #places) do
  answer[#answer + 1] = call('GET', P .. 'job:' .. id_of(places[i])) or nil
end
return answer
""",
    again=True,
)

# → places
OVERDUE = script(
    "return call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])",
    again=True,
)

# → {"STATUS:PROVIDER", number, …}
COUNTS = script("return call('HGETALL', P .. 'counts')", again=True)
