-- hold: what a running request has reserved is held again by a server that lost it; once, and not after its settling.
-- KEYS: ticket, open tickets. ARGV: now (ms, '' = the server's), lease ms, ticket seconds, ticket id, and as JSON what it holds, as
-- `admit` writes it. Counters need nothing more: their seed counts what open tickets hold.
if redis.call('EXISTS', KEYS[1], KEYS[1] .. ':done') > 0 then return 0 end
local lease, counts = tonumber(ARGV[2]), false
local dead = text(clock(ARGV[1]) + lease)
for _, claim in ipairs(cjson.decode(ARGV[5])) do
    if claim[1] == 'g' then
        for unit = 1, tonumber(claim[4]) do
            redis.call('ZADD', claim[3], dead, unit == 1 and ARGV[4] or (ARGV[4] .. '|' .. unit))
        end
        redis.call('PEXPIRE', claim[3], text(lease * 2))
    else
        counts = true
    end
end
redis.call('HSET', KEYS[1], 'held', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[3])
if counts then
    redis.call('ZADD', KEYS[2], dead, KEYS[1])
    redis.call('EXPIRE', KEYS[2], ARGV[3])
end
return 1
