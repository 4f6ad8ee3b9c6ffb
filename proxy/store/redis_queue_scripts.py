"""The scripts of the queue; their keys are told in redis_scripts.py."""

from proxy.store.redis_scripts import script

# ARGV: KIND NOW UNTIL LIMIT NUMBER, so many queues (none: all of the kind), and for each the time beyond which
# what stands there is due now (or none of them) → {queue, "INDEX ID", AT, …}, oldest first
LEASE = script("""
local kind, now, till, limit, number = unpack(ARGV, 1, 5)
local queues = {unpack(ARGV, 6, 5 + number)}
local far = {unpack(ARGV, 6 + number)}
if #queues == 0 then queues = call('SMEMBERS', P .. 'queues') end
local found = {}
for i, queue in ipairs(queues) do
  if string.sub(queue, 1, #kind) == kind then
    local name = P .. 'due:' .. queue
    local rows = call('ZRANGEBYSCORE', name, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
    for j = 1, #rows, 2 do found[#found + 1] = {tonumber(rows[j + 1]), queue, rows[j]} end
    local ahead = far[i] and call('ZRANGEBYSCORE', name, '(' .. far[i], '+inf', 'LIMIT', 0, limit) or {}
    for _, member in ipairs(ahead) do found[#found + 1] = {tonumber(now), queue, member} end
  end
end
table.sort(found, function(a, b) return a[1] < b[1] end)
local answer = {}
for i = 1, math.min(tonumber(limit), #found) do
  call('ZADD', P .. 'due:' .. found[i][2], till, found[i][3])
  answer[#answer + 1], answer[#answer + 2] = found[i][2], found[i][3]
  answer[#answer + 1] = string.format('%.6f', found[i][1])
end
return answer
""")

# ARGV: AT INDEX ID …
POSTPONE = script(
    """
for i = 1, #ARGV, 3 do
  local queue = call('HGET', P .. 'meta:' .. ARGV[i + 2], 'q' .. ARGV[i + 1])
  if queue then
    call('ZADD', P .. 'due:' .. queue, ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  end
end
""",
    again=True,
)

# ARGV: UNTIL INDEX ID …
RENEW = script(
    """
for i = 2, #ARGV, 2 do
  local queue = call('HGET', P .. 'meta:' .. ARGV[i + 1], 'q' .. ARGV[i])
  if queue and string.sub(queue, 1, 7) == 'submit:' then
    local name, member = P .. 'due:' .. queue, ARGV[i] .. ' ' .. ARGV[i + 1]
    local at = call('ZSCORE', name, member)
    if at and tonumber(at) < tonumber(ARGV[1]) then call('ZADD', name, ARGV[1], member) end
  end
end
""",
    again=True,
)

# → the earliest time, or nothing
NEXT_DUE = script(
    """
local first = false
for _, queue in ipairs(ARGV) do
  local at = call('ZRANGE', P .. 'due:' .. queue, 0, 0, 'WITHSCORES')[2]
  if at and (not first or tonumber(at) < tonumber(first)) then first = at end
end
return first
""",
    again=True,
)
