// The schemas of the repository load, and say what their protos say.
#include <set>

#include "storegate/v1/schema.pb.h"
#include "tests/unit/schema/protos.h"

namespace storegate::schema {
namespace {

const std::string kRoot = STOREGATE_SOURCE_DIR;

std::string Names(const std::vector<const Field*>& fields) {
  std::string text;
  for (const Field* field : fields) {
    text += (text.empty() ? "" : " ") + field->entity->name + "." + field->name;
  }
  return text;
}

std::string Keys(const Entity& entity) {
  std::string text;
  for (const Key& key : entity.keys) {
    text += text.empty() ? "" : " | ";
    for (const Field* field : key.fields) {
      text += (field == key.fields[0] ? "" : ",") + field->name;
    }
    if (key.unique == Unique::kLive) text += " live";
  }
  return text;
}

std::string Indexes(const Entity& entity) {
  std::string text;
  for (const Index& index : entity.indexes) {
    text += (text.empty() ? "" : " ") + index.name;
    if (!index.where.empty()) text += "[" + index.where + "]";
  }
  return text;
}

std::string Predicates(const Method& method) {
  std::string text;
  for (const RequestPredicate& predicate : method.predicates) {
    text += (text.empty() ? "" : "; ") + predicate.field->name() + ": " + predicate.where;
  }
  return text;
}

class ShippedSchema : public testing::Test {
 protected:
  static const Schema& Shop() {
    static const LoadResult result = LoadDirectory(kRoot + "/proto");
    EXPECT_EQ(Show(result), "");
    return *result.schema;
  }
  static const Schema& Org() {
    static const LoadResult result = LoadDirectory(kRoot + "/tests/protos/org");
    EXPECT_EQ(Show(result), "");
    return *result.schema;
  }
  static const Schema& Types() {
    static const LoadResult result = LoadDirectory(kRoot + "/tests/protos/types");
    EXPECT_EQ(Show(result), "");
    return *result.schema;
  }
};

TEST_F(ShippedSchema, HasTheShopsStoresAndNotTheGatewaysOwnServices) {
  const Schema& schema = Shop();
  ASSERT_EQ(schema.stores.size(), 4u);
  EXPECT_EQ(schema.stores[0].full_name, "shop.v1.CategoryStore");
  EXPECT_EQ(schema.stores[3].full_name, "shop.v1.UserStore");
  ASSERT_EQ(schema.entities.size(), 4u);
  EXPECT_EQ(schema.FindStore("shop.v1.OrderStore")->entity, schema.FindEntity("shop.v1.Order"));
  EXPECT_EQ(schema.FindStore("shop.v1.Order"), nullptr);
  EXPECT_EQ(schema.FindEntity("shop.v1.OrderStore"), nullptr);
  EXPECT_EQ(schema.FindMethod("/shop.v1.OrderStore/GetOrders"), nullptr);
  EXPECT_EQ(schema.FindEntity("shop.v1.Category")->collection, "categories");
}

TEST_F(ShippedSchema, KnowsWhatCallersMayDoWithAPassword) {
  const Entity* user = Shop().FindEntity("shop.v1.User");
  const Field* password = user->Find("password");
  EXPECT_TRUE(password->password && password->input_only);
  EXPECT_EQ(password->min_len, 8);
  EXPECT_EQ(user->Find("is_active")->default_text, "true");
  EXPECT_TRUE(user->Find("is_active")->nullable());
  EXPECT_TRUE(user->Find("email")->lower_case);
  EXPECT_EQ(Keys(*user), "id | email");
  const Method* verify = Shop().FindMethod("/shop.v1.UserStore/VerifyPassword");
  ASSERT_NE(verify, nullptr);
  EXPECT_EQ(verify->operation, Operation::kVerifyPassword);
  EXPECT_EQ(verify->when, "is_active = true");
  ASSERT_EQ(verify->keys.size(), 1u);
  EXPECT_EQ(verify->keys[0].fields[0]->name(), "email");
  EXPECT_EQ(verify->password->name(), "password");
  EXPECT_EQ(verify->result->name(), "user");
}

TEST_F(ShippedSchema, ConnectsReferencesEmbedsAndCounts) {
  const Entity* product = Shop().FindEntity("shop.v1.Product");
  const Entity* category = Shop().FindEntity("shop.v1.Category");
  const Field* slug = product->Find("category_slug");
  ASSERT_TRUE(slug->references);
  EXPECT_EQ(slug->references->entity, category);
  EXPECT_EQ(slug->references->field, category->Find("slug"));
  EXPECT_EQ(Names(category->referrers), "Product.category_slug");
  EXPECT_EQ(product->Find("category")->embed, slug);
  EXPECT_EQ(product->Find("category")->role, Role::kEmbed);
  EXPECT_FALSE(product->Find("category")->stored());
  EXPECT_EQ(category->Find("product_count")->count, slug);
  EXPECT_EQ(Names(product->searchable), "Product.name Product.description");
  EXPECT_EQ(Keys(*category), "id | name | slug");
  EXPECT_EQ(Indexes(*product),
            "idx_products_category_slug_create_time idx_products_price_cents "
            "idx_products_create_time");
}

TEST_F(ShippedSchema, FindsTheFieldsOfRequestsAndResponses) {
  const Method* list = Shop().FindMethod("/shop.v1.ProductStore/ListProducts");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(Predicates(*list),
            "min_price_cents: price_cents >= $; max_price_cents: price_cents <= $; sizes: sizes : "
            "$; colors: colors : $; category_slug: category_slug = $");
  EXPECT_EQ(list->search->name(), "search");
  EXPECT_EQ(list->records->name(), "products");
  EXPECT_EQ(list->page_info->name(), "page_info");
  const Method* batch = Shop().FindMethod("/shop.v1.OrderStore/BatchCreateOrders");
  EXPECT_EQ(batch->item_record->full_name(), "shop.v1.CreateOrderRequest.order");
  EXPECT_EQ(batch->failed_requests->name(), "failed_requests");
  const Method* get = Shop().FindMethod("/shop.v1.CategoryStore/GetCategory");
  EXPECT_EQ(get->keys.size(), 3u);
  EXPECT_TRUE(get->returns_record);
  EXPECT_TRUE(Shop().FindMethod("/shop.v1.OrderStore/PurgeOrder")->returns_empty);
}

TEST_F(ShippedSchema, HonoursRulesOfNestedMessages) {
  const Field* items = Shop().FindEntity("shop.v1.Order")->Find("items");
  EXPECT_EQ(items->max_items, 1000);
  ASSERT_NE(items->message, nullptr);
  const Shape* quantity = items->message->Find("quantity");
  ASSERT_NE(quantity, nullptr);
  EXPECT_EQ(quantity->gte, 1);
  EXPECT_TRUE(items->message->Find("name")->required);
  EXPECT_EQ(items->message->Find("product_id")->format, Format::kUuid);
}

TEST_F(ShippedSchema, HasItsFilesBehindTheirImports) {
  std::set<std::string> seen;
  for (const auto* file : Shop().files) {
    for (int i = 0; i < file->dependency_count(); ++i) {
      EXPECT_TRUE(seen.count(file->dependency(i)->name())) << file->name();
    }
    EXPECT_TRUE(seen.insert(file->name()).second) << file->name();
  }
  EXPECT_TRUE(seen.count("storegate/v1/schema.proto"));
  EXPECT_TRUE(seen.count("google/protobuf/descriptor.proto"));
}

TEST_F(ShippedSchema, OptionsAreReadFromThePoolsOwnDescriptors) {
  const auto* message = Shop().pool->FindMessageTypeByName("shop.v1.User");
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->options().GetExtension(v1::entity).default_order_by(), "create_time desc");
}

TEST_F(ShippedSchema, HasKeysOfSeveralFieldsAndOfTheLiving) {
  EXPECT_EQ(Keys(*Org().FindEntity("org.v1.Member")), "id | organization_id,email");
  EXPECT_EQ(Keys(*Org().FindEntity("org.v1.Organization")), "id | handle live | domain");
  const Entity* employee = Org().FindEntity("org.v1.Employee");
  EXPECT_EQ(Keys(*employee), "id | organization_id,badge live");
  EXPECT_EQ(employee->collection, "staff");
  EXPECT_EQ(Indexes(*employee),
            "uq_staff_organization_id_badge idx_staff_manager_id_name "
            "idx_staff_name[active = true]");
  EXPECT_EQ(Names(employee->referrers), "Employee.manager_id");
  EXPECT_EQ(employee->Find("manager")->embed, employee->Find("manager_id"));
  EXPECT_EQ(employee->Find("reports")->embed, employee->Find("manager_id"));
  const Entity* member = Org().FindEntity("org.v1.Member");
  EXPECT_FALSE(member->soft_delete());
  EXPECT_EQ(member->default_page_size, 20);
  EXPECT_EQ(Org().FindEntity("org.v1.Organization")->Find("members")->embed_entity, member);
  const Method* get = Org().FindMethod("/org.v1.EmployeeStore/GetEmployee");
  ASSERT_EQ(get->keys.size(), 2u);
  EXPECT_EQ(get->keys[1].fields.size(), 2u);
}

TEST_F(ShippedSchema, KnowsEveryType) {
  const Entity* sample = Types().FindEntity("types.v1.Sample");
  auto is = [&](const std::string& name, Type type, Presence presence, bool wrapper = false) {
    const Field* field = sample->Find(name);
    ASSERT_NE(field, nullptr) << name;
    EXPECT_EQ(field->type, type) << name;
    EXPECT_EQ(field->presence, presence) << name;
    EXPECT_EQ(field->wrapper, wrapper) << name;
    EXPECT_GT(field->location.line, 0) << name;
  };
  is("plain_sfixed32", Type::kInt32, Presence::kPlain);
  is("optional_uint32", Type::kUint32, Presence::kOptional);
  is("repeated_sint64", Type::kInt64, Presence::kRepeated);
  is("a_timestamp", Type::kTimestamp, Presence::kOptional);
  is("repeated_value", Type::kValue, Presence::kRepeated);
  is("wrapped_int64", Type::kInt64, Presence::kOptional, true);
  is("repeated_wrapped_string", Type::kString, Presence::kRepeated, true);
  is("by_bool", Type::kString, Presence::kMap);
  is("map_of_bytes", Type::kBytes, Presence::kMap);
  is("map_of_wrapped_int64", Type::kInt64, Presence::kMap, true);
  is("map_of_outer", Type::kMessage, Presence::kMap);
  is("outer", Type::kMessage, Presence::kOptional);
  is("choice_bytes", Type::kBytes, Presence::kOptional);
  EXPECT_EQ(sample->Find("choice_bytes")->oneof, "choice");
  EXPECT_EQ(sample->Find("optional_bytes")->oneof, "");
  EXPECT_EQ(sample->Find("wrapped_int64")->value->full_name(), "google.protobuf.Int64Value.value");
  EXPECT_EQ(sample->Find("by_bool")->key->type(), google::protobuf::FieldDescriptor::TYPE_BOOL);
  EXPECT_EQ(sample->Find("renamed_string")->column, "OldName");
  EXPECT_EQ(sample->id->type, Type::kInt64);
  EXPECT_EQ(Keys(*sample), "id | region,code");

  const MessageType* tree = sample->Find("tree")->message;
  EXPECT_EQ(tree->Find("children")->message, tree);

  const EnumType* color = sample->Find("plain_color")->enum_type;
  EXPECT_EQ(color->NameOf(2), "COLOR_GREEN");
  EXPECT_EQ(color->NumberOf("COLOR_VERDANT"), 2);
  EXPECT_EQ(color->NameOf(7), "");
  EXPECT_EQ(color->NumberOf("GREEN"), std::nullopt);
}

TEST_F(ShippedSchema, SortsAndNestsByType) {
  const Entity* sample = Types().FindEntity("types.v1.Sample");
  for (const char* name : {"id", "plain_bytes", "a_duration", "wrapped_bool", "choice_string"}) {
    EXPECT_TRUE(sample->Find(name)->sortable()) << name;
    EXPECT_FALSE(sample->Find(name)->nested()) << name;
  }
  for (const char* name : {"repeated_bool", "by_int32", "a_struct", "a_value", "outer"}) {
    EXPECT_FALSE(sample->Find(name)->sortable()) << name;
    EXPECT_TRUE(sample->Find(name)->nested()) << name;
  }
  EXPECT_FALSE(sample->etag->sortable());
  EXPECT_EQ(sample->stored.size(), sample->fields.size() - 1);
}

TEST(Schema, ReferencesTakeTheFormOfWhatTheyReferTo) {
  LoadResult result = LoadBody(R"(
    message Author { option (storegate.v1.entity) = {};
      string id = 1 [(storegate.v1.field).format = UUID];
      string name = 2 [(storegate.v1.field) = {
        unique: ALL immutable: true max_len: 40 lower_case: true }]; }
    message Book { option (storegate.v1.entity) = {
        index: { fields: "author_id" } index: { fields: "author_name" } };
      string id = 1;
      string author_id = 2 [(storegate.v1.field) = { required: true references: "Author.id" }];
      optional string author_name = 3 [(storegate.v1.field).references = "t.v1.Author.name"]; })");
  ASSERT_NE(result.schema, nullptr) << Show(result);
  const Entity* book = result.schema->FindEntity("t.v1.Book");
  EXPECT_EQ(book->Find("author_id")->format, Format::kUuid);
  EXPECT_EQ(book->Find("author_name")->max_len, 40);
  EXPECT_TRUE(book->Find("author_name")->lower_case);
}

TEST(Schema, ManyToManyGoesOverTheOtherReference) {
  LoadResult result = LoadBody(R"(
    message Tag { option (storegate.v1.entity) = {}; string id = 1; }
    message File { option (storegate.v1.entity) = {}; string id = 1;
      repeated Tag tags = 2 [(storegate.v1.field) = { embed: "FileTag.file_id" via: "FileTag" }]; }
    message FileTag { option (storegate.v1.entity) = {}; string id = 1;
      optional string file_id = 2 [(storegate.v1.field).references = "File.id"];
      optional string tag_id = 3 [(storegate.v1.field).references = "Tag.id"]; })");
  ASSERT_NE(result.schema, nullptr) << Show(result);
  const Field* tags = result.schema->FindEntity("t.v1.File")->Find("tags");
  EXPECT_EQ(tags->via, result.schema->FindEntity("t.v1.FileTag"));
  EXPECT_EQ(tags->embed, tags->via->Find("file_id"));
  EXPECT_EQ(tags->embed_entity, result.schema->FindEntity("t.v1.Tag"));
}

TEST(Schema, OneEntityMayHaveTwoStoresAndAMethodAnyName) {
  LoadResult result = LoadBody(R"(
    message Book { string id = 1; string title = 2; }
    message ById { string id = 1; }
    service BookStore { rpc GetBook(ById) returns (Book); }
    service Shelf { option (storegate.v1.store).entity = "Book";
      rpc Fetch(ById) returns (Book) { option (storegate.v1.method).operation = GET; } })");
  ASSERT_NE(result.schema, nullptr) << Show(result);
  EXPECT_EQ(result.schema->FindStore("t.v1.Shelf")->entity,
            result.schema->FindStore("t.v1.BookStore")->entity);
  EXPECT_EQ(result.schema->FindMethod("/t.v1.Shelf/Fetch")->operation, Operation::kGet);
}

TEST(Schema, UniqueAmongTheLivingIsUniqueWhereDeletingIsForGood) {
  LoadResult result = LoadBody(
      "message Book { option (storegate.v1.entity) = {}; string id = 1;\n"
      "  string code = 2 [(storegate.v1.field) = {unique: LIVE max_len: 9}]; }");
  ASSERT_NE(result.schema, nullptr) << Show(result);
  EXPECT_EQ(result.schema->FindEntity("t.v1.Book")->keys[1].unique, Unique::kAll);
}

}  // namespace
}  // namespace storegate::schema
