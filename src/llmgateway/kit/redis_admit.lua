-- admit: check all claims, then reserve all of them, or none.
-- KEYS: ticket, open tickets, then one a claim. ARGV: now (ms, '' = the server's), lease ms, ticket seconds, ticket id,
-- and as JSON a list of claims, each a list too: w (window), name, seconds, limit, cost, stretch; g (gauge), name, limit,
-- cost; c (counter), name, limit, cost, stretch.
-- Answers JSON: admitted, now, the readings (used, reserved, current, previous), and a flag for each claim.
local known = redis.call('HGET', KEYS[1], 'verdict')
if known then return known end

local now = clock(ARGV[1])
local lease = tonumber(ARGV[2])

-- Tickets of processes that are dead for a lease more than it takes to be dead, and left no record of them: what they
-- reserved of counters is free. One whose record comes still later is counted by its settling.
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now - lease), 'LIMIT', '0', '20')) do
    local held = redis.call('HGET', dead, 'held')
    for _, claim in ipairs(held and cjson.decode(held) or {}) do
        local value = claim[1] == 'c' and redis.call('GET', claim[3])
        if value then redis.call('SET', claim[3], text(bounded(tonumber(value) - tonumber(claim[4]))), 'KEEPTTL') end
    end
    redis.call('DEL', dead)
    redis.call('ZREM', KEYS[2], dead)
end

-- What windows and counters stand at is read in one call. `at`: where in it a claim's own value is; of a window, the value of
-- the clock window before follows.
local claims, names, counts = {}, {}, false
for place, told in ipairs(cjson.decode(ARGV[5])) do
    local kind, key = told[1], KEYS[place + 2]
    local claim = { kind = kind, key = key, name = told[2], at = #names + 1, flag = '', used = 0, current = 0, previous = 0 }
    if kind == 'w' then
        local length = told[3] * 1000
        local place = math.floor(now / length)
        claim.length, claim.left, claim.bucket = length, length - (now - place * length), key .. ':' .. text(place)
        claim.limit, claim.cost, claim.stretch = told[4], told[5], told[6]
        names[#names + 1] = claim.bucket
        names[#names + 1] = key .. ':' .. text(place - 1)
    else
        claim.limit, claim.cost, claim.stretch = told[3], told[4], told[5] or 0
        if kind == 'c' then
            counts = true
            names[#names + 1] = key
        end
    end
    claims[place] = claim
end
local values = #names > 0 and redis.call('MGET', unpack(names)) or {}

local good = true
for _, claim in ipairs(claims) do
    local value = values[claim.at]
    if claim.kind == 'w' then
        claim.current = tonumber(value or '0')
        claim.previous = tonumber(values[claim.at + 1] or '0')
        -- Rounded up, so that no fraction of a request is ever admitted above the limit.
        claim.used = claim.current + math.ceil(claim.previous * claim.left / claim.length)
    elseif claim.kind == 'g' then
        redis.call('ZREMRANGEBYSCORE', claim.key, '-inf', text(now))
        claim.used = redis.call('ZCARD', claim.key)
    elseif value then
        claim.used = tonumber(value)
    else
        claim.flag = 'unknown'
        good = false
    end
    claim.room = claim.limit - claim.used - claim.cost
    if claim.room < 0 and claim.flag == '' then claim.flag = 'refused'; good = false end
end

-- Whether counters that have no room would have it, were it not for what open tickets reserve. All are told by one look at
-- the newest of these: everybody else waits for it.
local lacks, lacking = {}, 0
for _, claim in ipairs(claims) do
    if claim.kind == 'c' and claim.flag == 'refused' then
        lacks[claim.key] = -claim.room
        lacking = lacking + 1
    end
end
for _, ticket in ipairs(lacking > 0 and redis.call('ZRANGE', KEYS[2], '0', '99', 'REV') or {}) do
    local holds = redis.call('HGET', ticket, 'held')
    for _, one in ipairs(holds and cjson.decode(holds) or {}) do
        local lack = lacks[one[3]]
        if lack and lack > 0 then
            lacks[one[3]] = lack - tonumber(one[4])
            if lack - tonumber(one[4]) <= 0 then lacking = lacking - 1 end
        end
    end
    if lacking == 0 then break end
end
for _, claim in ipairs(claims) do
    if lacks[claim.key] and lacks[claim.key] <= 0 then claim.flag = 'held' end
end

local readings, flags, held = {}, {}, {}
for _, claim in ipairs(claims) do
    local reserved = 0
    if good then
        reserved = claim.cost + math.min(claim.stretch, claim.room)
        if claim.kind == 'w' then
            claim.current = bounded(claim.current + reserved)
            redis.call('SET', claim.bucket, text(claim.current), 'PX', text(claim.length * 2 + 60000))
            held[#held + 1] = { 'w', claim.name, claim.bucket, text(reserved) }
        elseif claim.kind == 'g' then
            for unit = 1, claim.cost do
                redis.call('ZADD', claim.key, text(now + lease), unit == 1 and ARGV[4] or (ARGV[4] .. '|' .. unit))
            end
            redis.call('PEXPIRE', claim.key, text(lease * 2))
            held[#held + 1] = { 'g', claim.name, claim.key, text(claim.cost) }
        else
            redis.call('SET', claim.key, text(bounded(claim.used + reserved)), 'KEEPTTL')
            held[#held + 1] = { 'c', claim.name, claim.key, text(reserved) }
        end
    end
    local used = claim.used + reserved
    if claim.kind ~= 'w' then claim.current = used end
    readings[#readings + 1] = string.format('[%.0f,%.0f,%.0f,%.0f]', used, reserved, claim.current, claim.previous)
    flags[#flags + 1] = '"' .. claim.flag .. '"'
end
local answer = '[' .. tostring(good) .. ',' .. text(now) .. ',[' .. table.concat(readings, ',') .. '],['
    .. table.concat(flags, ',') .. ']]'
if good then
    redis.call('HSET', KEYS[1], 'verdict', answer, 'held', cjson.encode(held))
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    if counts then
        redis.call('ZADD', KEYS[2], text(now + lease), KEYS[1])
        redis.call('EXPIRE', KEYS[2], ARGV[3])
    end
end
return answer
