\set n random(100000000000, 100000099999)
SELECT id, name, short_description, description, price_cents, sizes, colors, images, category_slug, sales_count, metadata, create_time, update_time, delete_time, _version FROM products WHERE id = ('00000000-0000-7000-8000-' || :n)::uuid AND delete_time IS NULL;
