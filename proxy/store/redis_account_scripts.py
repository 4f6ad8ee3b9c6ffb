"""The scripts of rates, budgets and usage; their keys are told in redis_scripts.py."""

from proxy.store.redis_scripts import script

# → nothing where one was taken, else the time of the one that has to grow old first
SPEND = script("""
local bucket, allowed, old, young, now, token, keep = unpack(ARGV)
local name = P .. 'hits:' .. bucket
call('ZREMRANGEBYSCORE', name, '-inf', old)
call('ZREMRANGEBYSCORE', name, '(' .. young, '+inf')
local last = tonumber(allowed) - 1
local at = call('ZREVRANGE', name, last, last, 'WITHSCORES')[2]
if at then return at end
call('ZADD', name, now, token)
call('PEXPIRE', name, math.max(tonumber(keep), call('PTTL', name)))
return false
""")

# → {in | concurrency | rpm, hits before this one, time of the last one, of the one that has to grow old first}
ADMIT = script("""
local client, concurrency, holder, till, rpm, now, old, young, token, keep, stays = unpack(ARGV)
local places, hits = P .. 'places:' .. client, P .. 'hits:key:' .. client
call('ZREMRANGEBYSCORE', hits, '-inf', old)
call('ZREMRANGEBYSCORE', hits, '(' .. young, '+inf')
local count = call('ZCARD', hits)
local last = call('ZREVRANGE', hits, 0, 0, 'WITHSCORES')[2] or false
if concurrency ~= '' then
  call('ZREMRANGEBYSCORE', places, '-inf', now)
  if call('ZCARD', places) >= tonumber(concurrency) then return {'concurrency', count, last, false} end
end
if rpm ~= '' then
  local turn = tonumber(rpm) - 1
  local first = call('ZREVRANGE', hits, turn, turn, 'WITHSCORES')[2]
  if first then return {'rpm', count, last, first} end
  call('ZADD', hits, now, token)
  call('PEXPIRE', hits, math.max(tonumber(keep), call('PTTL', hits)))
end
if concurrency ~= '' then
  call('ZADD', places, till, holder)
  call('PEXPIRE', places, math.max(tonumber(stays), call('PTTL', places)))
end
return {'in', count, last, false}
""")

# ARGV: UNTIL KEEP CLIENT HOLDER …
STAY = script(
    """
for i = 3, #ARGV, 2 do
  local places = P .. 'places:' .. ARGV[i]
  call('ZADD', places, 'XX', ARGV[1], ARGV[i + 1])
  call('PEXPIRE', places, math.max(tonumber(ARGV[2]), call('PTTL', places)))
end
""",
    again=True,
)

LEAVE = script("call('ZREM', P .. 'places:' .. ARGV[1], ARGV[2])", again=True)

# → {slot, tokens, …} of before; it takes them where there is room
TAKE = script("""
local client, tokens, limit, slot, old, young, keep = unpack(ARGV)
local name, answer = P .. 'tokens:' .. client, {}
if spent_since(name, old, young, answer) + tonumber(tokens) <= tonumber(limit) then
  call('HINCRBY', name, slot, tokens)
  call('PEXPIRE', name, keep)
end
return answer
""")

CORRECT = script("""
local client, tokens, slot, keep = unpack(ARGV)
local name = P .. 'tokens:' .. client
call('HINCRBY', name, slot, tokens)
call('PEXPIRE', name, keep)
""")

# → {in} or {over, slot, nanodollars, …}; ONCE: an id of this one
RESERVE = script(
    """
local once = P .. 'booked:' .. ARGV[1]
if call('EXISTS', once) == 1 then return {'in'} end
local refused = exceeded(unpack(ARGV, 3))
if refused then return refused end
local lines = cjson.decode(ARGV[2])
if #lines.add > 0 then call('SET', once, 1, 'PX', 600000) end
book(lines)
return {'in'}
""",
    again=True,
)

BOOK = script(
    """
if call('SET', P .. 'booked:' .. ARGV[1], 1, 'NX', 'PX', 3600000) then book(cjson.decode(ARGV[2])) end
""",
    again=True,
)

# → 1 where there is another day to forget
PRUNE = script(
    """
local days = call('ZRANGEBYLEX', P .. 'days', '-', '(' .. ARGV[1], 'LIMIT', 0, 2)
if days[1] then
  call('UNLINK', P .. 'usage:' .. days[1])
  call('ZREM', P .. 'days', days[1])
end
for _, name in ipairs(call('SMEMBERS', P .. 'spenders')) do
  spent_since(P .. name, ARGV[2], math.huge, {})
  if call('EXISTS', P .. name) == 0 then call('SREM', P .. 'spenders', name) end
end
return days[2] and 1 or 0
""",
    again=True,
)

# → the days of which something is known
DAYS = script(
    """
return call('ZRANGEBYLEX', P .. 'days', '[' .. ARGV[1], '[' .. ARGV[2])
""",
    again=True,
)

# → {field, number, …}
USAGE = script("return call('HGETALL', P .. 'usage:' .. ARGV[1])", again=True)
