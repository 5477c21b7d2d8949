-- seed: a missing counter gets its value for so many seconds, and remembers when that was read; what is known stays.
-- What open tickets hold of it, and what was settled or stored meanwhile, too late to be in the value, comes on top. KEYS: counter,
-- open tickets, and where the newest counter of each of its beginnings is told. ARGV: value, seconds, ms of the reading, name.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local value, late = tonumber(ARGV[1]), redis.call('LRANGE', KEYS[1] .. ':late', '0', '-1')
for at = 1, #late, 2 do
    if tonumber(late[at]) >= tonumber(ARGV[3]) then value = value + tonumber(late[at + 1]) end
end
local function holds(names)
    for _, name in ipairs(cjson.decode(names)) do
        if name == ARGV[4] then return true end
    end
    return false
end
for place = 3, #KEYS do
    local also = redis.call('LRANGE', KEYS[place] .. ':late', '0', '-1')
    for at = 1, #also, 3 do
        if tonumber(also[at]) >= tonumber(ARGV[3]) and not holds(also[at + 2]) then value = value + tonumber(also[at + 1]) end
    end
end
for _, ticket in ipairs(redis.call('ZRANGE', KEYS[2], '0', '-1')) do
    local held = redis.call('HGET', ticket, 'held')
    for _, claim in ipairs(held and cjson.decode(held) or {}) do
        if claim[3] == KEYS[1] then value = value + tonumber(claim[4]) end
    end
end
redis.call('SET', KEYS[1], text(bounded(value)), 'EX', ARGV[2])
redis.call('SET', KEYS[1] .. ':read', ARGV[3], 'EX', ARGV[2])
redis.call('DEL', KEYS[1] .. ':late')
for place = 3, #KEYS do redis.call('SET', KEYS[place], ARGV[4], 'EX', ARGV[2]) end
return 1
