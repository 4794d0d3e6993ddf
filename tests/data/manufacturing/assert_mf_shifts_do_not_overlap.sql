-- Ruling 2: shifts of one line never overlap, or a moment would belong to two.
with

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

),

followed as (

    select
        line_id,
        production_date,
        shift_name,
        starts_at,
        max(ends_at) over (
            partition by line_id
            order by starts_at, ends_at
            rows between unbounded preceding and 1 preceding
        ) as earlier_end_at
    from shifts
    where starts_at < ends_at

)

select * from followed
where starts_at < earlier_end_at
