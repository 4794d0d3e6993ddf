{%- set assignments -%}
(
    select
        {{ hash_key(['experiment_id', 'user_id', 'device_id']) }} as request_id,
        assigned_at as requested_at,
        user_id,
        {{ typed_null('id') }} as phone_hash,
        device_id,
        {{ typed_null('id') }} as cookie_id,
        {{ typed_null('id') }} as fingerprint_id
    from {{ ref('stg_ecommerce__experiment_assignments') }}
)
{%- endset -%}
{{ resolve_persons(assignments, ref('int_ecommerce__sightings'), ref('int_ecommerce__user_persons')) }}
